import { rm } from 'node:fs/promises';
import { join, relative } from 'node:path';

import { CHOSEN_MODEL, DEFAULT_MODEL } from '../../adapters/models/config.js';
import { CHOICE_FILE, chosenModel } from '../../adapters/models/find-model.js';
import { replaceFile } from '../../adapters/models/install-model.js';
import { loadModel, readModelFolder } from '../../adapters/models/load-model.js';
import { PipelineError } from '../../core/errors.js';
import { say, writableModelsFolder, type ModelsFolder } from './models-folder.js';

/** `preread models use`: what serve, score and the others take when no model is named. */
export async function useModel(
  name: string,
  { modelsDir, searchPath }: ModelsFolder,
): Promise<void> {
  if (name === DEFAULT_MODEL || name === CHOSEN_MODEL) {
    await writableModelsFolder(modelsDir);
    await rm(join(modelsDir, CHOICE_FILE), { force: true });
    say(`${DEFAULT_MODEL} is used when no model is named.`);
    return;
  }
  // A name alone: a folder elsewhere would depend on where it is used from.
  if (!/^[a-z0-9][a-z0-9.-]*$/.test(name)) {
    throw new PipelineError(
      'config-invalid',
      'Name an installed model; see "preread models list".',
    );
  }
  const { manifest } = await loadModel(name, searchPath);
  await writableModelsFolder(modelsDir);
  await replaceFile(join(modelsDir, CHOICE_FILE), `${name}\n`);
  say(
    `${name}@${manifest.version} is used when no model is named. A server that runs takes it at its next start.`,
  );
}

/** `preread models remove`: only what is in the folder of installed models. */
export async function removeModel(
  name: string,
  { modelsDir, searchPath }: ModelsFolder,
): Promise<void> {
  const { folder } = await readModelFolder(name, searchPath);
  if (relative(modelsDir, folder) !== name) {
    throw new PipelineError(
      'config-invalid',
      `${folder} is not in the folder of installed models, ${modelsDir}; it is left alone.`,
    );
  }
  if (chosenModel(searchPath) === name) {
    await rm(join(modelsDir, CHOICE_FILE), { force: true });
    say(`${name} was the chosen model: ${DEFAULT_MODEL} takes its place.`);
  }
  await rm(folder, { recursive: true });
  say(`Removed ${folder}.`);
}
