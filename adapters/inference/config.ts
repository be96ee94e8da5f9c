import { availableParallelism } from 'node:os';

import { z } from 'zod';

import { DECODE_MODES } from '../../core/imaging/decode-mode.js';
import { intVariable } from '../config/load-config.js';
import { gatingConfig } from './gating-config.js';

/** One process a core: each has one thread, and nothing between them to wait for. */
export const defaultProcesses = (): number => availableParallelism();

export const inferenceConfig = z.object({
  ...gatingConfig.shape,
  PREREAD_INFERENCE_PROCESSES: intVariable({ min: 1, max: 256 })
    .optional()
    .describe('Processes that read, decode and classify images. Default: one for each core.'),
  PREREAD_IMAGE_TIME_LIMIT_MS: intVariable({ min: 1_000, max: 3_600_000 })
    .default(60_000)
    .describe('How long one image may take before its process is killed.'),
  PREREAD_INFERENCE_START_LIMIT_MS: intVariable({ min: 1_000, max: 3_600_000 })
    .default(120_000)
    .describe('How long a process may take to load and test the model.'),
  PREREAD_DECODE: z
    .enum(DECODE_MODES)
    .default('fast')
    .describe(
      'fast: JPEG 2000 and HTJ2K are decoded at the smallest resolution that moves no fp32 score by more than 0.005 ' +
        '(docs/pixels.md). full: always whole, as the reference of each recipe does.',
    ),
  PREREAD_INFERENCE_MEMORY_MB: intVariable({ min: 256, max: 1_048_576 })
    .default(2_048)
    .describe('Resident memory from which an inference process is killed and replaced (Linux).'),
});

export type InferenceConfig = z.infer<typeof inferenceConfig>;
