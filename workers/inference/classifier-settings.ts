import { z } from 'zod';

import { PROVIDER_CHOICES } from '../../adapters/onnx/execution-providers.js';
import { gatePolicySchema } from '../../core/gating/gate-policy.js';

/** What a child process is told when it starts. */
export const classifierSettingsSchema = z.object({
  /** Name or folder. */
  model: z.string(),
  modelSearchPath: z.array(z.string()),
  provider: z.enum(PROVIDER_CHOICES),
  gatePolicy: gatePolicySchema,
});

export type ClassifierSettings = z.infer<typeof classifierSettingsSchema>;
