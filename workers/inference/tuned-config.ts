import { modelSearchPath } from '../../adapters/models/find-model.js';
import { readModelFolder } from '../../adapters/models/load-model.js';
import { defaultTuningPath, readTuning, thisMachine } from '../../adapters/models/tuning-file.js';
import type { PrecisionChoice } from '../../core/inference/choose-weights.js';
import { applyTuning } from '../../core/inference/tuning.js';
import type { ClassifierConfig } from './open-classifier.js';

export interface TunedConfig<Config> {
  readonly config: Config;
  /** Why there is a tuning and it is not used; undefined otherwise. One sentence. */
  readonly stale: string | undefined;
}

/**
 * The settings with what `preread tune` found on this machine for this model, where they leave it open. Throws what
 * `readModelFolder` throws.
 */
export async function tunedConfig<Config extends ClassifierConfig>(
  config: Config,
): Promise<TunedConfig<Config>> {
  const path = config.PREREAD_TUNING ?? defaultTuningPath();
  const file = await readTuning(path);
  if (file.kind === 'absent') {
    return { config, stale: undefined };
  }
  if (file.kind === 'unusable') {
    return { config, stale: notUsed(path, file.reason) };
  }
  const search = modelSearchPath(config.PREREAD_MODELS_DIR);
  const { manifest } = await readModelFolder(config.PREREAD_MODEL, search);
  const result = applyTuning(
    {
      provider: config.PREREAD_PROVIDER,
      precision: config.PREREAD_PRECISION,
      processes: config.PREREAD_INFERENCE_PROCESSES,
      threads: config.PREREAD_INFERENCE_THREADS,
      maxBatch: config.PREREAD_MAX_BATCH,
    },
    file.tuning,
    thisMachine(),
    manifest,
  );
  if (result.kind === 'stale') {
    return { config, stale: notUsed(path, result.reason) };
  }
  const { precision, processes, threads, maxBatch } = result.settings;
  return {
    config: {
      ...config,
      // What goes in comes out, or is one of the formats.
      PREREAD_PRECISION: precision as PrecisionChoice,
      PREREAD_INFERENCE_PROCESSES: processes,
      PREREAD_INFERENCE_THREADS: threads,
      PREREAD_MAX_BATCH: maxBatch,
    },
    stale: undefined,
  };
}

function notUsed(path: string, reason: string): string {
  return `The tuning in ${path} is not used: ${reason}. preread tune makes a new one.`;
}
