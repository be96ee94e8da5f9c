import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';

import { PipelineError } from '../../core/errors.js';

const FILE_FAULTS: ReadonlySet<string> = new Set(
  'ENOENT EACCES EPERM EISDIR ENOTDIR ELOOP ENAMETOOLONG ENXIO ENODEV EAGAIN EINVAL'.split(' '),
);
/** Between two reads a caller's time limit can act; a network disk delivers no faster with larger ones. */
const READ_BYTES = 4 * 1024 * 1024;
const DEFAULT_TIME_LIMIT_MS = 30_000;

/**
 * A regular file in memory, as many bytes as it had when it was opened. Pipes and devices are not waited
 * for, and files that call themselves empty, as all below /proc do, are empty: some of them never end.
 *
 * Throws `image-too-large` before anything is read, `file-unreadable` for a path that cannot be read, and
 * `storage-unavailable` (worth another attempt) for trouble of the disk, also when it is too slow.
 */
export async function readWholeFile(
  path: string,
  maxBytes: number,
  timeLimitMs = DEFAULT_TIME_LIMIT_MS,
): Promise<Uint8Array> {
  try {
    // Opening a pipe without a writer would otherwise wait for one.
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const found = await handle.stat();
      if (!found.isFile()) {
        throw new PipelineError('file-unreadable', 'This is not a regular file.');
      }
      if (found.size > maxBytes) {
        throw new PipelineError('image-too-large', 'The file exceeds the configured size.');
      }
      return await readBytes(handle, found.size, performance.now() + timeLimitMs);
    } finally {
      await handle.close();
    }
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

/** Fewer than `size` when the file has become shorter; what has been appended since is not read. */
async function readBytes(
  handle: FileHandle,
  size: number,
  deadlineMs: number,
): Promise<Uint8Array> {
  const buffer = Buffer.allocUnsafeSlow(size);
  let filled = 0;
  while (filled < size) {
    const length = Math.min(READ_BYTES, size - filled);
    const { bytesRead } = await handle.read(buffer, filled, length, filled);
    if (bytesRead === 0) {
      break;
    }
    filled += bytesRead;
    if (performance.now() > deadlineMs) {
      throw new PipelineError('storage-unavailable', 'The file could not be read in time.');
    }
  }
  return buffer.subarray(0, filled);
}
