import { PipelineError } from '../../core/errors.js';

/** No room, or no room for this user. Every other trouble of a file system is `storage-unavailable`. */
const FULL = new Set(['ENOSPC', 'EDQUOT']);

/** What a file system operation has thrown, as a PipelineError. */
export function storageError(error: unknown): PipelineError {
  if (error instanceof PipelineError) {
    return error;
  }
  const errno = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
  const code = FULL.has(errno) ? 'storage-full' : 'storage-unavailable';
  return new PipelineError(code, undefined, { cause: error, context: { errno } });
}
