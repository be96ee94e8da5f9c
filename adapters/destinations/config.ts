import { z } from 'zod';

import { networksVariable } from '../config/load-config.js';

export const destinationsConfig = z.object({
  PREREAD_DESTINATIONS: z
    .string()
    .optional()
    .describe(
      'YAML or JSON file of the destinations that results go to (docs/integration/README.md). The webhook of ' +
        'PREREAD_WEBHOOK_URL is one more.',
    ),
  PREREAD_DESTINATION_NETWORKS: networksVariable().describe(
    'Private networks that destinations set by the API may reach, as 10.1.0.0/16, separated by spaces. ' +
      'Without it only public addresses and this machine are. The file is not limited by it.',
  ),
  PREREAD_SECRETS_DIR: z
    .string()
    .min(1)
    .default('/run/secrets')
    .describe(
      'Folder of the secrets that destinations set by the API may name as file:PATH. As env:NAME they may ' +
        'name variables that begin with PREREAD_SECRET_.',
    ),
});
