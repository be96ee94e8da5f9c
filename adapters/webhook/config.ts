import { z } from 'zod';

import { intVariable } from '../config/load-config.js';

export const webhookConfig = z.object({
  PREREAD_WEBHOOK_URL: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe('Where results are posted (Standard Webhooks). Without it they wait in the API.'),
  PREREAD_WEBHOOK_SECRET: z
    .string()
    .regex(/^whsec_[A-Za-z0-9+/]{32,}={0,2}$/, 'expected whsec_ and at least 24 bytes of base64')
    .optional()
    .describe('Signing secret of the webhook: whsec_ followed by base64 of 24 to 64 random bytes.'),
  PREREAD_WEBHOOK_TIMEOUT_MS: intVariable({ min: 100, max: 120_000 })
    .default(20_000)
    .describe('How long one attempt may wait for the receiver.'),
});

export type WebhookConfig = z.infer<typeof webhookConfig>;
