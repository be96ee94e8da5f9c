import { z } from 'zod';

import { intVariable } from '../config/load-config.js';

const secretSchema = z
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
    .pipe(z.array(secretSchema).min(1).max(4))
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
  PREREAD_WEBHOOK_TIMEOUT_MS: intVariable({ min: 100, max: 120_000 })
    .default(20_000)
    .describe('How long one attempt may wait for the receiver.'),
});

export type WebhookConfig = z.infer<typeof webhookConfig>;

/** Whether a URL may be used for results as it is: encrypted, or not leaving this machine. */
export function isConfidential(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === 'https:' || /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
}
