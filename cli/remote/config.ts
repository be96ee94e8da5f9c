import { z } from 'zod';

/** Settings of the commands that talk to a running server. */
export const remoteConfig = z.object({
  PREREAD_SERVER: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe(
      'URL of the server that commands talk to. Without it, the one that uses PREREAD_DATA_DIR on this machine.',
    ),
  PREREAD_API_KEY: z
    .string()
    .optional()
    .describe('API key that commands send. Not needed for the server that uses PREREAD_DATA_DIR.'),
});
