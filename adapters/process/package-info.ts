import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { z } from 'zod';

/** The folder that holds package.json, whether this file runs from source or from dist/. */
export const packageRoot = findPackageRoot(dirname(fileURLToPath(import.meta.url)));

const packageSchema = z.object({ name: z.string(), version: z.string() });
const info = packageSchema.parse(
  JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')),
);

export const softwareName = info.name;
export const softwareVersion = info.version;

/**
 * The built JavaScript of a module that runs in its own process or thread. Always from dist/, also when
 * the caller runs from TypeScript source: a child process has no loader for it.
 */
export function builtEntry(pathWithoutExtension: string): string {
  const path = join(packageRoot, 'dist', `${pathWithoutExtension}.js`);
  if (!existsSync(path)) {
    throw new Error(`${path} does not exist: run "npm run build" first`);
  }
  return path;
}

function findPackageRoot(start: string): string {
  for (let folder = start; ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) {
      return folder;
    }
    if (folder === dirname(folder)) {
      throw new Error(`no package.json above ${start}`);
    }
  }
}
