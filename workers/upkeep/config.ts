import { z } from 'zod';

import { intVariable } from '../../adapters/config/load-config.js';

/** What is kept for how long. */
export const retentionConfig = z.object({
  PREREAD_RETENTION_DAYS: intVariable({ min: 1, max: 36_500 })
    .optional()
    .describe(
      'Days after which the images of a study that is finished and delivered are removed. Outcomes and ' +
        'results stay. Without it images are kept.',
    ),
  PREREAD_PURGE_BELOW_FREE_BYTES: intVariable({ min: 0, max: Number.MAX_SAFE_INTEGER })
    .default(0)
    .describe(
      'While the file system of the images has less room than this, the images of the oldest finished ' +
        'studies are removed, but none of the last hour. 0 never does. Set it above PREREAD_MIN_FREE_BYTES.',
    ),
});

export type RetentionConfig = z.infer<typeof retentionConfig>;
