import { z } from 'zod';

import { PRECISION_CHOICES } from '../../core/inference/choose-weights.js';
import { PROVIDER_CHOICES } from '../../adapters/onnx/execution-providers.js';
import { gatePolicySchema } from '../../core/gating/gate-policy.js';
import { DECODE_MODES } from '../../core/imaging/decode-mode.js';
import type { SiteRules } from '../../core/rules/site-rules.js';

/** What a child process is told when it starts. */
export const classifierSettingsSchema = z.object({
  /** Name or folder. */
  model: z.string(),
  modelSearchPath: z.array(z.string()),
  provider: z.enum(PROVIDER_CHOICES),
  precision: z.enum(PRECISION_CHOICES),
  decode: z.enum(DECODE_MODES),
  /** Of one session. */
  threads: z.int().min(1),
  /** Undefined: what suits the provider. */
  maxBatch: z.int().min(1).optional(),
  batchDelayMs: z.number().min(0),
  gatePolicy: gatePolicySchema,
  /** Parsed where the process was started: its attributes are looked up already. */
  siteRules: z.custom<SiteRules>((value) => Array.isArray(value)),
});

export type ClassifierSettings = z.infer<typeof classifierSettingsSchema>;
