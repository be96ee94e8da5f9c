import { PipelineError } from '../../core/errors.js';

/** No room, or no room for this user. Every other trouble of a file system is `storage-unavailable`. */
const FULL = new Set(['ENOSPC', 'EDQUOT']);

export function isFullDisk(error: unknown): boolean {
  return error instanceof Error && 'code' in error && FULL.has(String(error.code));
}

/** What a file system operation has thrown, as a PipelineError. */
export function storageError(error: unknown): PipelineError {
  if (error instanceof PipelineError) {
    return error;
  }
  const errno = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
  const code = isFullDisk(error) ? 'storage-full' : 'storage-unavailable';
  return new PipelineError(code, undefined, { cause: error, context: { errno } });
}
