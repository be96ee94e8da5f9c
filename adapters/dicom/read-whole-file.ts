import { readFile, stat } from 'node:fs/promises';

import { PipelineError } from '../../core/errors.js';

const FILE_FAULTS: ReadonlySet<string> = new Set(
  'ENOENT EACCES EPERM EISDIR ENOTDIR ELOOP ENAMETOOLONG'.split(' '),
);

/**
 * A file in memory. Throws `image-too-large` before anything is read, `file-unreadable` for a path that
 * cannot be read, and `storage-unavailable` (worth another attempt) for trouble of the disk.
 */
export async function readWholeFile(path: string, maxBytes: number): Promise<Uint8Array> {
  try {
    const { size } = await stat(path);
    if (size > maxBytes) {
      throw new PipelineError('image-too-large', 'The file exceeds the configured size.');
    }
    return await readFile(path);
  } catch (error) {
    if (error instanceof PipelineError) {
      throw error;
    }
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    // Anything else (EIO, EMFILE, ESTALE) is the disk's trouble, not the file's.
    throw new PipelineError(
      FILE_FAULTS.has(code) ? 'file-unreadable' : 'storage-unavailable',
      undefined,
      { cause: error },
    );
  }
}
