import { z } from 'zod';

export const destinationsConfig = z.object({
  PREREAD_DESTINATIONS: z
    .string()
    .optional()
    .describe(
      'YAML or JSON file of the destinations that results go to (docs/integration/README.md). The webhook of ' +
        'PREREAD_WEBHOOK_URL is one more.',
    ),
});
