import { z } from 'zod';

/** What inference workers and `preread score --distributed` must agree on. */
export const archiveConfig = z.object({
  PREREAD_ARCHIVE_DIR: z
    .string()
    .min(1)
    .optional()
    .describe(
      'Folder of archives, where this machine sees it (a share, read only will do). Inference workers that have it ' +
        'score the files of preread score --distributed below it, with what study images leave of their time.',
    ),
});

export type ArchiveConfig = z.infer<typeof archiveConfig>;

/** What outcomes hold beside scores. */
export const outcomeConfig = z.object({
  PREREAD_HEAT_MAPS: z
    .stringbool()
    .default(false)
    .describe(
      'Keeps the class-activation maps of flagged findings with the result, for destinations with objects: [heatmap]. ' +
        'The model must give maps.',
    ),
});
