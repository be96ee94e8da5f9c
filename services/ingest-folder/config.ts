import { z } from 'zod';

import { intVariable } from '../../adapters/config/load-config.js';

/** The watched folder's settings. */
export const ingestFolderConfig = z.object({
  PREREAD_WATCH_DIR: z
    .string()
    .min(1)
    .optional()
    .describe('Folder whose DICOM files are taken in as they come, with its subfolders.'),
  PREREAD_WATCH_KEEP: z
    .stringbool()
    .default(false)
    .describe(
      'Leaves the files where they are and remembers which are done. Otherwise they are moved to the folders ' +
        '`done` and `failed` inside.',
    ),
  PREREAD_WATCH_INTERVAL_MS: intVariable({ min: 50, max: 3_600_000 })
    .default(1_000)
    .describe(
      'How often the folder is looked at, in milliseconds; seldomer when looking takes long.',
    ),
  PREREAD_WATCH_SETTLE_MS: intVariable({ min: 0, max: 3_600_000 })
    .default(2_000)
    .describe(
      'How long size and time of a file must not change before it is read, in milliseconds. Files that do ' +
        'not seem whole are given thirty seconds more.',
    ),
});

export type IngestFolderConfig = z.infer<typeof ingestFolderConfig>;
