import { existsSync } from 'node:fs';
import { basename, isAbsolute, join, resolve } from 'node:path';

import { PipelineError } from '../../core/errors.js';
import { packageRoot } from '../process/package-info.js';

const MANIFEST = 'manifest.json';

/** Where models are looked for by name: the site's own folder first, then the shipped ones. */
export function modelSearchPath(modelsDir?: string): readonly string[] {
  const shipped = join(packageRoot, 'models');
  return modelsDir === undefined ? [shipped] : [resolve(modelsDir), shipped];
}

/**
 * The folder of a model. A text with a path separator is a folder (or the manifest in it), anything
 * else a name under the search path. Throws `model-not-found`, naming where it looked.
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
  for (const parent of searchPath) {
    const folder = join(parent, nameOrFolder);
    if (existsSync(join(folder, MANIFEST))) {
      return folder;
    }
  }
  throw new PipelineError(
    'model-not-found',
    `There is no model "${nameOrFolder}" in ${searchPath.join(' or ')}.`,
  );
}

function isPath(text: string): boolean {
  return isAbsolute(text) || text.startsWith('.') || /[/\\]/.test(text);
}
