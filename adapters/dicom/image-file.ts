import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';

import { PipelineError } from '../../core/errors.js';

const FILE_FAULTS: ReadonlySet<string> = new Set(
  'ENOENT EACCES EPERM EISDIR ENOTDIR ELOOP ENAMETOOLONG ENXIO ENODEV EAGAIN EINVAL'.split(' '),
);

/** Between two reads the time limit can act; a network disk delivers no faster with larger ones. */
const READ_BYTES = 4 * 1024 * 1024;
const DEFAULT_TIME_LIMIT_MS = 30_000;

/** Larger buffers are not kept from one file to the next. */
const KEPT_BYTES = 64 * 1024 * 1024;

/** A regular file that is read in parts; synchronously, because its process does one image after the other. */
export interface ImageFile {
  readonly sizeBytes: number;
  /** The first bytes, at most `length`. Void after the next call, and when the file is closed. */
  readStart(length: number): Uint8Array;
  /** Throws `dicom-truncated` when the file has become shorter. */
  readInto(target: Uint8Array, offset: number): void;
  close(): void;
}

/** Memory that files are read into, one after the other. */
let idle: Uint8Array<ArrayBuffer> | undefined;

/**
 * Opens a file, as many bytes as it has now. Pipes and devices are not waited for, and files that call themselves
 * empty, as all below /proc do, are empty: some of them never end.
 *
 * Throws `image-too-large` before anything is read, `file-unreadable` for a path that cannot be read, and
 * `storage-unavailable` (worth another attempt) for trouble of the disk, also when it is too slow.
 */
export function openImageFile(
  path: string,
  maxBytes: number,
  timeLimitMs = DEFAULT_TIME_LIMIT_MS,
): ImageFile {
  return translated(() => {
    // Opening a pipe without a writer would otherwise wait for one.
    const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      return imageFile(descriptor, maxBytes, performance.now() + timeLimitMs);
    } catch (error) {
      closeSync(descriptor);
      throw error;
    }
  });
}

function imageFile(descriptor: number, maxBytes: number, deadlineMs: number): ImageFile {
  const stats = fstatSync(descriptor);
  if (!stats.isFile()) {
    throw new PipelineError('file-unreadable', 'This is not a regular file.');
  }
  if (stats.size > maxBytes) {
    throw new PipelineError('image-too-large', 'The file exceeds the configured size.');
  }
  let buffer = idle ?? new Uint8Array(0);
  idle = undefined;
  let filled = 0;
  return {
    sizeBytes: stats.size,
    readStart(length) {
      const wanted = Math.min(length, stats.size);
      if (buffer.length < wanted) {
        const larger = new Uint8Array(wanted);
        larger.set(buffer.subarray(0, filled));
        buffer = larger;
      }
      if (filled < wanted) {
        fill(descriptor, buffer.subarray(filled, wanted), filled, deadlineMs);
        filled = wanted;
      }
      return buffer.subarray(0, wanted);
    },
    readInto(target, offset) {
      fill(descriptor, target, offset, deadlineMs);
    },
    close() {
      if (buffer.length <= KEPT_BYTES) {
        idle = buffer;
      }
      closeSync(descriptor);
    },
  };
}

function fill(descriptor: number, target: Uint8Array, offset: number, deadlineMs: number): void {
  translated(() => {
    let done = 0;
    while (done < target.length) {
      const length = Math.min(READ_BYTES, target.length - done);
      const count = readSync(descriptor, target, done, length, offset + done);
      if (count === 0) {
        throw new PipelineError('dicom-truncated', 'The file became shorter while it was read.');
      }
      done += count;
      if (performance.now() > deadlineMs) {
        throw new PipelineError('storage-unavailable', 'The file could not be read in time.');
      }
    }
  });
}

function translated<T>(use: () => T): T {
  try {
    return use();
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
