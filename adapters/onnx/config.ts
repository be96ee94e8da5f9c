import { z } from 'zod';

import { intVariable } from '../config/load-config.js';
import { PRECISION_CHOICES } from '../../core/inference/choose-weights.js';
import { PROVIDER_CHOICES } from './execution-providers.js';

export const onnxConfig = z.object({
  PREREAD_PROVIDER: z
    .enum(PROVIDER_CHOICES)
    .default('auto')
    .describe(
      'What computes: auto takes CUDA where it works, else the CPU. A GPU that is named and does not work ' +
        'stops the start.',
    ),
  PREREAD_PRECISION: z
    .enum(PRECISION_CHOICES)
    .default('auto')
    .describe(
      'Number format of the weights: auto takes int8 on processors that are fast at it, when the ' +
        "model's evaluation shows that it costs at most 0.005 AUROC; else fp32.",
    ),
  PREREAD_INFERENCE_THREADS: intVariable({ min: 1, max: 256 })
    .optional()
    .describe(
      'Threads of one inference process on the CPU. Default: what preread tune found, else 1.',
    ),
  PREREAD_MAX_BATCH: intVariable({ min: 1, max: 64 })
    .optional()
    .describe(
      'Images that one process computes at once. Default: what preread tune found, else 1 on the CPU, where ' +
        'batches gain nothing, and 8 on a GPU.',
    ),
  PREREAD_BATCH_DELAY_MS: intVariable({ min: 0, max: 1_000 })
    .default(5)
    .describe(
      'How long an image waits at most for others to fill its batch. A STAT image never does: it is computed ' +
        'alone, before them.',
    ),
});

export type OnnxConfig = z.infer<typeof onnxConfig>;
