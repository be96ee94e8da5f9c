import { z } from 'zod';

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
});

export type OnnxConfig = z.infer<typeof onnxConfig>;
