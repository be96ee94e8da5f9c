import { z } from 'zod';

import { WEBHOOK_BODIES } from '../../core/delivery/webhook-message.js';
import { intVariable, networksVariable } from '../config/load-config.js';

export const webhookSecretSchema = z
  .string()
  .regex(/^whsec_[A-Za-z0-9+/]{32,}={0,2}$/, 'expected whsec_ and at least 24 bytes of base64');

export const webhookConfig = z.object({
  PREREAD_WEBHOOK_URL: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe('Where results are posted (Standard Webhooks). Without it they wait in the API.'),
  PREREAD_WEBHOOK_SECRET: z
    .string()
    .transform((text) => text.split(/[\s,]+/).filter((secret) => secret !== ''))
    .pipe(z.array(webhookSecretSchema).min(1).max(4))
    .optional()
    .describe(
      'Signing secret of the webhook: whsec_ and the base64 of 24 to 64 random bytes. While a secret is being ' +
        'replaced, several separated by spaces, the new one first: every message is signed with each.',
    ),
  PREREAD_WEBHOOK_ALLOW_HTTP: z
    .stringbool()
    .default(false)
    .describe(
      'Lets the webhook use http:// beyond this machine. A body carries UIDs and scores: only on a network ' +
        'that you trust.',
    ),
  PREREAD_WEBHOOK_BODY: z
    .enum(WEBHOOK_BODIES)
    .default('thin')
    .describe(
      'thin: ids, priority, flagged findings and a link to the rest. full: the whole result.',
    ),
  PREREAD_WEBHOOK_ALLOW_NETWORKS: networksVariable().describe(
    'Private networks that the webhook may reach, as 10.1.0.0/16, separated by spaces. Without it only ' +
      'public addresses and this machine are.',
  ),
  PREREAD_WEBHOOK_TIMEOUT_MS: intVariable({ min: 100, max: 120_000 })
    .default(20_000)
    .describe('How long one attempt may wait for the receiver.'),
});

export type WebhookConfig = z.infer<typeof webhookConfig>;
