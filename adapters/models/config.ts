import { z } from 'zod';

/** The model that is used when none is named. */
export const DEFAULT_MODEL = 'preread-cxr14';

export const modelsConfig = z.object({
  PREREAD_MODEL: z
    .string()
    .min(1)
    .default(DEFAULT_MODEL)
    .describe('Name of a model, or the folder that holds its manifest.json.'),
  PREREAD_MODELS_DIR: z
    .string()
    .min(1)
    .optional()
    .describe('Folder of further models; searched before the ones that are shipped.'),
});

export type ModelsConfig = z.infer<typeof modelsConfig>;
