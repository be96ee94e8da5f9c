import { realpathSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { isAbsolute, relative, resolve, sep } from 'node:path';

import { PipelineError } from '../../../core/errors.js';

/** The folder that this machine and the workers share, each where it sees it. */
export interface ArchiveFolder {
  /** The path as the workers are told it: relative, with slashes. Throws `request-invalid` for one outside. */
  relativePath(path: string): string;
}

export function openArchiveFolder(folder: string): ArchiveFolder {
  let real: string;
  try {
    real = realpathSync(folder);
  } catch (cause) {
    throw new PipelineError('config-invalid', 'There is no folder PREREAD_ARCHIVE_DIR.', { cause });
  }
  const given = resolve(folder);
  return {
    relativePath(path) {
      const absolute = resolve(path);
      // As it was named, or with links resolved: a path inside stays as the walk has found it.
      const found =
        inside(given, absolute) ?? inside(real, absolute) ?? inside(real, realOf(absolute));
      if (found === undefined) {
        throw new PipelineError(
          'request-invalid',
          'What is scored by a fleet must lie in PREREAD_ARCHIVE_DIR, the folder that all workers share.',
        );
      }
      return found.split(sep).join('/');
    },
  };
}

/** Whether this machine can read what a worker says it cannot. */
export async function canRead(path: string): Promise<boolean> {
  try {
    const file = await open(path, 'r');
    await file.close();
    return true;
  } catch {
    return false;
  }
}

function inside(folder: string, path: string): string | undefined {
  const below = relative(folder, path);
  return below.startsWith('..') || isAbsolute(below) ? undefined : below;
}

function realOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
