import { constants } from 'node:fs';
import { access, mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';

import { modelsConfig, userModelsFolder } from '../../adapters/models/config.js';
import { loadConfig } from '../../adapters/config/load-config.js';
import { modelSearchPath } from '../../adapters/models/find-model.js';
import { PipelineError } from '../../core/errors.js';

export interface ModelsFolder {
  /** Where models are installed. */
  readonly modelsDir: string;
  readonly searchPath: readonly string[];
}

/** The folder of models that the option, the environment or the default names. */
export function modelsFolder(option: string | undefined): ModelsFolder {
  const config = loadConfig(modelsConfig, process.env);
  const modelsDir = resolve(option ?? config.PREREAD_MODELS_DIR ?? userModelsFolder());
  return { modelsDir, searchPath: modelSearchPath(modelsDir) };
}

/** Makes the folder of installed models if need be. Throws `config-invalid` where nothing can be written into it. */
export async function writableModelsFolder(modelsDir: string): Promise<void> {
  try {
    await mkdir(modelsDir, { recursive: true });
    await access(modelsDir, constants.W_OK);
  } catch (cause) {
    throw new PipelineError(
      'config-invalid',
      `Models cannot be installed in ${modelsDir}: name a folder that this user can write (PREREAD_MODELS_DIR or --models-dir).`,
      { cause },
    );
  }
}

/** Messages for people; stdout is for results. */
export function say(text: string): void {
  process.stderr.write(`${text}\n`);
}
