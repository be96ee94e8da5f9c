import { existsSync, readFileSync } from 'node:fs';
import { basename, isAbsolute, join, resolve } from 'node:path';

import { PipelineError } from '../../core/errors.js';
import { packageRoot } from '../process/package-info.js';
import { CHOSEN_MODEL, DEFAULT_MODEL, userModelsFolder } from './config.js';

const MANIFEST = 'manifest.json';

/** File in a folder of models with the name of the one that `preread models use` has chosen. */
export const CHOICE_FILE = 'default-model';

/** The models that come with the software. */
export const shippedModelsFolder = join(packageRoot, 'models');

/** Where models are looked for by name: the site's own folder first, then the shipped ones. */
export function modelSearchPath(modelsDir = userModelsFolder()): readonly string[] {
  return [resolve(modelsDir), shippedModelsFolder];
}

/** The model that was chosen with `preread models use`, else the shipped default. */
export function chosenModel(searchPath: readonly string[]): string {
  for (const parent of searchPath) {
    try {
      return readFileSync(join(parent, CHOICE_FILE), 'utf8').trim();
    } catch {
      // No choice was made in this folder.
    }
  }
  return DEFAULT_MODEL;
}

/**
 * The folder of a model. A text with a path separator is a folder (or the manifest in it), anything
 * else a name under the search path; `default` is the chosen one. Throws `model-not-found`, naming where
 * it looked.
 */
export function findModelFolder(nameOrFolder: string, searchPath: readonly string[]): string {
  if (isPath(nameOrFolder)) {
    const folder = resolve(
      basename(nameOrFolder) === MANIFEST ? join(nameOrFolder, '..') : nameOrFolder,
    );
    if (existsSync(join(folder, MANIFEST))) {
      return folder;
    }
    throw new PipelineError('model-not-found', `There is no ${MANIFEST} in ${folder}.`);
  }
  const name = nameOrFolder === CHOSEN_MODEL ? chosenModel(searchPath) : nameOrFolder;
  for (const parent of searchPath) {
    const folder = join(parent, name);
    if (existsSync(join(folder, MANIFEST))) {
      return folder;
    }
  }
  throw new PipelineError(
    'model-not-found',
    `There is no model "${name}" in ${searchPath.join(' or ')}. "preread models list" says what there is.`,
  );
}

function isPath(text: string): boolean {
  return isAbsolute(text) || text.startsWith('.') || /[/\\]/.test(text);
}
