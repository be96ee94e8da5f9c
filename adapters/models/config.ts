import { homedir } from 'node:os';
import { join } from 'node:path';

import { z } from 'zod';

/** The model that is used when none is named and none was chosen with `preread models use`. */
export const DEFAULT_MODEL = 'preread-cxr14';

/** As a name: the model that was chosen with `preread models use`, else the shipped one. */
export const CHOSEN_MODEL = 'default';

/** Where models are installed unless PREREAD_MODELS_DIR says otherwise: the user's data folder. */
export const userModelsFolder = (): string =>
  join(homedir(), '.local', 'share', 'preread', 'models');

export const modelsConfig = z.object({
  PREREAD_MODEL: z
    .string()
    .min(1)
    .default(CHOSEN_MODEL)
    .describe(
      'Name of a model, or the folder that holds its manifest.json. `default` is the one chosen with ' +
        `\`preread models use\`, else ${DEFAULT_MODEL}.`,
    ),
  PREREAD_MODELS_DIR: z
    .string()
    .min(1)
    .optional()
    .describe(
      'Folder of installed models, searched before the ones that are shipped. ' +
        'Default: ~/.local/share/preread/models.',
    ),
  PREREAD_MODEL_OVERLAY: z
    .string()
    .min(1)
    .optional()
    .describe(
      "File of the site's operating points and calibration (preread calibrate). Bound to the model's SHA-256: with another model nothing starts.",
    ),
  PREREAD_TUNING: z
    .string()
    .min(1)
    .optional()
    .describe(
      'File in which preread tune writes how the engine is fastest on this machine, and from which it is read. ' +
        'Settings that say it themselves go first. Default: ~/.local/share/preread/tuning.json.',
    ),
});

export type ModelsConfig = z.infer<typeof modelsConfig>;
