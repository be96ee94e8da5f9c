import { z } from 'zod';

import { loadConfig } from '../../adapters/config/load-config.js';
import { inferenceConfig } from '../../adapters/inference/config.js';
import { modelsConfig } from '../../adapters/models/config.js';
import { onnxConfig } from '../../adapters/onnx/config.js';
import type { ClassifierConfig } from '../../workers/inference/open-classifier.js';

/** Settings of the engine for tests: two processes, whatever the machine has. */
export function classifierConfig(
  model: string,
  changes: Partial<ClassifierConfig> = {},
): ClassifierConfig {
  const schema = z.object({ ...modelsConfig.shape, ...onnxConfig.shape, ...inferenceConfig.shape });
  return {
    ...loadConfig(schema, {}),
    PREREAD_MODEL: model,
    PREREAD_PROVIDER: 'cpu',
    // The same on every processor.
    PREREAD_PRECISION: 'fp32',
    PREREAD_INFERENCE_PROCESSES: 2,
    ...changes,
  };
}
