import { z } from 'zod';

import { PROVIDER_CHOICES } from './execution-providers.js';

export const onnxConfig = z.object({
  PREREAD_PROVIDER: z
    .enum(PROVIDER_CHOICES)
    .default('auto')
    .describe('What computes: auto takes CUDA where it works, else the CPU.'),
});

export type OnnxConfig = z.infer<typeof onnxConfig>;
