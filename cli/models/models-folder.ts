import { resolve } from 'node:path';

import { modelsConfig, userModelsFolder } from '../../adapters/models/config.js';
import { loadConfig } from '../../adapters/config/load-config.js';
import { modelSearchPath } from '../../adapters/models/find-model.js';

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

/** Messages for people; stdout is for results. */
export function say(text: string): void {
  process.stderr.write(`${text}\n`);
}
