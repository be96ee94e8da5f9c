/**
 * `npm run bench`: what the way from a file to a row costs on top of bare inference. For each kind of
 * file, pairs of windows alternate between `session.run` with tensors that are ready and the whole
 * `score`, in as many processes each; what counts is the ratio. The method is in docs/performance.md.
 *
 * Options: --pairs N (5), --seconds N (4), --attempts N (3), --processes N (cores), --model NAME,
 * --only TEXT.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { z } from 'zod';

import { loadConfig } from '../../adapters/config/load-config.js';
import { inferenceConfig } from '../../adapters/inference/config.js';
import { residentBytes } from '../../adapters/inference/resident-memory.js';
import { DEFAULT_MODEL, modelsConfig } from '../../adapters/models/config.js';
import { findModelFolder, modelSearchPath } from '../../adapters/models/find-model.js';
import { onnxConfig } from '../../adapters/onnx/config.js';
import { softwareVersion } from '../../adapters/process/package-info.js';
import { createRowFormat } from '../../cli/score/row-format.js';
import { silentLogger } from '../../core/log.js';
import { openClassifier } from '../../workers/inference/open-classifier.js';
import { openBarePool } from './bare-pool.js';
import { makeInputs } from './bench-inputs.js';
import { measureColdStart } from './cold-start.js';
import { measureInput, type InputResult } from './measure-input.js';
import { median } from './statistics.js';

const { values: options } = parseArgs({
  options: {
    pairs: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '4' },
    processes: { type: 'string', default: String(availableParallelism()) },
    model: { type: 'string', default: DEFAULT_MODEL },
    attempts: { type: 'string', default: '3' },
    only: { type: 'string', default: '' },
  },
});
const processes = Number(options.processes);
const model = findModelFolder(options.model, modelSearchPath());
const folder = await mkdtemp(join(tmpdir(), 'preread-bench-'));
try {
  await bench();
} finally {
  await rm(folder, { recursive: true });
}

async function bench(): Promise<void> {
  console.log(`${cpus()[0]?.model ?? 'unknown processor'}, Node ${process.versions.node}`);
  console.log('generating images ...');
  const inputs = (await makeInputs(folder)).filter(({ name }) => name.includes(options.only));
  const schema = z.object({ ...inferenceConfig.shape, ...modelsConfig.shape, ...onnxConfig.shape });
  const open = await openClassifier(
    { logger: silentLogger },
    {
      ...loadConfig(schema, {}),
      PREREAD_MODEL: model,
      PREREAD_PROVIDER: 'cpu',
      // The bare rate that it is compared with is that of the fp32 form.
      PREREAD_PRECISION: 'fp32',
      PREREAD_INFERENCE_PROCESSES: processes,
    },
  );
  const bare = openBarePool(model, processes);
  const { manifest, classifier } = open;
  const format = createRowFormat('csv', {
    manifest,
    engine: classifier.engine,
    softwareVersion,
    includeWithheld: false,
  });
  console.log(
    `${manifest.name}@${manifest.version}, ${processes} processes, ` +
      `${options.pairs} pairs of ${options.seconds} s\n`,
  );
  printHeader();
  for (const input of inputs) {
    const result = await measureInput(input, bare, open, format, {
      pairs: Number(options.pairs),
      windowMs: Number(options.seconds) * 1000,
      attempts: Number(options.attempts),
      rowsPath: join(folder, 'rows.csv'),
    });
    if (result !== undefined) {
      printResult(result);
    }
  }
  const memory = classifier.processIds.map((pid) => (residentBytes(pid) ?? NaN) / 2 ** 20);
  console.log(`\nresident memory of a child, MB: ${memory.map((mb) => mb.toFixed(0)).join(', ')}`);
  bare.close();
  await classifier.close();
  await printColdStart(inputs[0]?.paths[0]);
}

function printHeader(): void {
  console.log(
    [
      'score/bare'.padEnd(19),
      'by CPU'.padEnd(7),
      'bound'.padEnd(6),
      'bare/s'.padStart(7),
      'score/s'.padStart(8),
      'read'.padStart(6),
      'decode'.padStart(7),
      'prep'.padStart(6),
      'infer ms'.padStart(9),
      'others'.padStart(7),
      ' input',
    ].join(' '),
  );
}

function printResult({ name, pairs, stages }: InputResult): void {
  const ratios = pairs.map(({ bare, score }) => score.imagesPerSecond / bare.imagesPerSecond);
  const byCpu = pairs.map(({ bare, score }) => bare.cpuMsPerImage / score.cpuMsPerImage);
  const { readMs, decodeMs, preprocessMs, inferMs } = stages;
  const bound = inferMs / (readMs + decodeMs + preprocessMs + inferMs);
  const others = Math.max(
    ...pairs.flatMap(({ bare, score }) => [bare.otherCores, score.otherCores]),
  );
  const range = `${Math.min(...ratios).toFixed(2)}-${Math.max(...ratios).toFixed(2)}`;
  console.log(
    [
      `${median(ratios).toFixed(3)} (${range})`.padEnd(19),
      median(byCpu).toFixed(3).padEnd(7),
      bound.toFixed(3).padEnd(6),
      median(pairs.map(({ bare }) => bare.imagesPerSecond))
        .toFixed(1)
        .padStart(7),
      median(pairs.map(({ score }) => score.imagesPerSecond))
        .toFixed(1)
        .padStart(8),
      readMs.toFixed(1).padStart(6),
      decodeMs.toFixed(1).padStart(7),
      preprocessMs.toFixed(1).padStart(6),
      inferMs.toFixed(1).padStart(9),
      others.toFixed(2).padStart(7),
      ` ${name}`,
    ].join(' '),
  );
}

async function printColdStart(image: string | undefined): Promise<void> {
  if (image === undefined) {
    return;
  }
  const starts = [];
  for (let run = 0; run < 5; run += 1) {
    starts.push(await measureColdStart(model, image));
  }
  const firstRow = median(starts.map(({ firstRowMs }) => firstRowMs));
  const empty = median(starts.map(({ emptyNodeMs }) => emptyNodeMs));
  console.log(
    `cold start to the first row: ${firstRow.toFixed(0)} ms (empty Node: ${empty.toFixed(0)} ms)`,
  );
}
