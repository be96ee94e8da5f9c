import { join } from 'node:path';

import { loadConfig } from '../../adapters/config/load-config.js';
import { inferenceConfig } from '../../adapters/inference/config.js';
import { modelsConfig } from '../../adapters/models/config.js';
import { onnxConfig } from '../../adapters/onnx/config.js';
import { softwareVersion } from '../../adapters/process/package-info.js';
import { silentLogger } from '../../core/log.js';
import { openClassifier, type OpenClassifier } from '../../workers/inference/open-classifier.js';
import { createRowFormat } from '../score/row-format.js';
import { openBarePool, type BareModel } from './bare-pool.js';
import type { BenchInput } from './bench-inputs.js';
import { measureInput } from './measure-input.js';
import type { BenchRow } from './render-bench.js';

/** Before the first input of a model, when none of the code is warm. */
const FIRST_WARM_UP_MS = 30_000;
/** Before each further one, of which only the decoding is new. */
const WARM_UP_MS = 10_000;

export interface ScoreBenchOptions {
  readonly rounds: number;
  readonly windowMs: number;
  readonly attempts: number;
  readonly processes: number;
  /** Folder for the rows that are written. */
  readonly folder: string;
}

/** A model as the table names it. */
export interface BenchModel extends BareModel {
  readonly name: string;
}

/** The pipeline's own classifier, as `preread score` sets it up. */
export function openBenchClassifier(
  { model, precision, provider, maxBatch }: BareModel,
  processes: number,
): Promise<OpenClassifier> {
  const schema = inferenceConfig.extend(modelsConfig.shape).extend(onnxConfig.shape);
  return openClassifier(
    { logger: silentLogger },
    {
      ...loadConfig(schema, {}),
      PREREAD_MODEL: model,
      PREREAD_PROVIDER: provider,
      PREREAD_MAX_BATCH: maxBatch,
      PREREAD_PRECISION: precision,
      PREREAD_INFERENCE_PROCESSES: processes,
    },
    { purpose: 'throughput' },
  );
}

/** Rows of one model in one number of processes, each as soon as it is measured. */
export async function* measureScore(
  model: BenchModel,
  inputs: readonly BenchInput[],
  options: ScoreBenchOptions,
): AsyncGenerator<BenchRow> {
  const { processes, folder, ...windows } = options;
  const open = await openBenchClassifier(model, processes);
  const bare = openBarePool(model, processes);
  try {
    const { manifest, classifier } = open;
    const { engine } = classifier;
    const facts = { manifest, engine, softwareVersion, includeWithheld: false };
    const format = createRowFormat('csv', facts);
    const rowsPath = join(folder, 'rows.csv');
    for (const [index, input] of inputs.entries()) {
      const warmUpMs = index === 0 ? FIRST_WARM_UP_MS : WARM_UP_MS;
      const settings = { ...windows, warmUpMs, rowsPath };
      const result = await measureInput(input, bare, open, format, settings);
      if (result !== undefined) {
        yield { ...result, model: model.name, precision: model.precision, processes };
      }
    }
  } finally {
    bare.close();
    await open.classifier.close();
  }
}
