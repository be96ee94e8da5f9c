import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, readdir, rm, stat, statfs, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';

import { PipelineError } from '../../core/errors.js';
import { HEAD_BYTES } from '../../core/storage/object-store.js';
import type { StorageGuard } from './storage-guard.js';

/** Objects are patients' images: nothing for other users of the machine. */
export const FOLDER_MODE = 0o750;
const FILE_MODE = 0o640;
/** The free space is looked at again after so many bytes of one object. */
const WATERMARK_INTERVAL_BYTES = 32 * 1024 ** 2;
/** So long what was seen of the free space counts for other objects, less what was received of them. */
const WATERMARK_INTERVAL_MS = 1_000;
/** Received pieces are written together when they are so many bytes: each write wakes a thread, twice. */
const WRITE_BYTES = 1024 ** 2;

export interface StagedFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  /** As that of a `StagedObject`. */
  readonly head: Uint8Array;
}

export interface StagingArea {
  /** Bytes to a new file, fsynced. Nothing stays behind when it throws. */
  write(bytes: AsyncIterable<Uint8Array>, maxBytes: number): Promise<StagedFile>;
  /** Writes and removes a small file, after looking at the free space, which it returns. */
  probe(): Promise<number>;
  freeBytes(): Promise<number>;
  removeUntouchedSince(timeMs: number): Promise<number>;
}

/** The folder where files grow until they are complete. Created when first needed. */
export function createStagingArea(
  folder: string,
  minFreeBytes: number,
  { run: storing, tidy }: StorageGuard,
): StagingArea {
  async function freeSpace(): Promise<number> {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  }

  async function requireFreeSpace(): Promise<number> {
    const freeBytes = await freeSpace();
    if (freeBytes < minFreeBytes) {
      const context = { freeBytes, minFreeBytes };
      throw new PipelineError('storage-full', undefined, { context });
    }
    return freeBytes;
  }

  /** The free space as it was seen last, less what was received since. */
  let estimate = { freeBytes: 0, untilMs: -Infinity };

  async function requireRoom(): Promise<void> {
    if (performance.now() < estimate.untilMs && estimate.freeBytes >= minFreeBytes) {
      return;
    }
    const freeBytes = await storing(requireFreeSpace);
    estimate = { freeBytes, untilMs: performance.now() + WATERMARK_INTERVAL_MS };
  }

  const newPath = (extension: string): string => join(folder, `${randomUUID()}.${extension}`);

  async function openNew(path: string): Promise<FileHandle> {
    try {
      return await open(path, 'wx', FILE_MODE);
    } catch (error) {
      if (!isAbsent(error)) {
        throw error;
      }
      await mkdir(folder, { recursive: true, mode: FOLDER_MODE });
      return open(path, 'wx', FILE_MODE);
    }
  }

  async function fill(
    path: string,
    bytes: AsyncIterable<Uint8Array>,
    maxBytes: number,
  ): Promise<StagedFile> {
    const hash = createHash('sha256');
    const file = await storing(
      () => openNew(path),
      (late) => late.close(),
    );
    try {
      let sizeBytes = 0;
      let nextCheckBytes = 0;
      let pending: Uint8Array[] = [];
      let pendingBytes = 0;
      const start: Uint8Array[] = [];
      async function writePending(): Promise<void> {
        const pieces = pending;
        pending = [];
        pendingBytes = 0;
        if (pieces.length > 0) {
          await storing(() => writeAll(file, pieces));
        }
      }
      // Only our own operations are wrapped by `storing`: trouble of the source stays what it is.
      for await (const chunk of bytes) {
        if (sizeBytes >= nextCheckBytes) {
          await requireRoom();
          nextCheckBytes += WATERMARK_INTERVAL_BYTES;
        }
        if (sizeBytes < HEAD_BYTES) {
          start.push(chunk.subarray(0, HEAD_BYTES - sizeBytes));
        }
        sizeBytes += chunk.byteLength;
        estimate.freeBytes -= chunk.byteLength;
        if (sizeBytes > maxBytes) {
          throw new PipelineError('payload-too-large', undefined, { context: { maxBytes } });
        }
        hash.update(chunk);
        pending.push(chunk);
        pendingBytes += chunk.byteLength;
        if (pendingBytes >= WRITE_BYTES) {
          await writePending();
        }
      }
      await writePending();
      await storing(() => file.sync());
      return { path, sizeBytes, sha256: hash.digest('hex'), head: Buffer.concat(start) };
    } finally {
      // What a network file system reports only at close, the fsync has reported before.
      await tidy(() => file.close());
    }
  }

  return {
    async write(bytes, maxBytes) {
      const path = newPath('part');
      try {
        return await fill(path, bytes, maxBytes);
      } catch (error) {
        await tidy(() => rm(path, { force: true }));
        throw error;
      }
    },

    freeBytes: () =>
      storing(async () => {
        await mkdir(folder, { recursive: true, mode: FOLDER_MODE });
        return freeSpace();
      }),

    probe: () =>
      storing(async () => {
        const path = newPath('probe');
        await mkdir(folder, { recursive: true, mode: FOLDER_MODE });
        const freeBytes = await requireFreeSpace();
        try {
          const file = await openNew(path);
          await file.writeFile('probe').finally(() => file.close());
        } finally {
          await rm(path, { force: true });
        }
        return freeBytes;
      }),

    removeUntouchedSince: (timeMs) =>
      storing(async () => {
        let removed = 0;
        for (const name of await readdir(folder).catch(noneWhenAbsent)) {
          const path = join(folder, name);
          const found = await stat(path).catch(() => undefined);
          if (found !== undefined && found.mtimeMs < timeMs) {
            await rm(path, { force: true });
            removed += 1;
          }
        }
        return removed;
      }),
  };
}

/** `writev` may write less than it was given. */
async function writeAll(file: FileHandle, pieces: readonly Uint8Array[]): Promise<void> {
  const { bytesWritten } = await file.writev([...pieces]);
  let skip = bytesWritten;
  for (const piece of pieces) {
    if (skip < piece.byteLength) {
      await file.writeFile(piece.subarray(skip));
    }
    skip = Math.max(0, skip - piece.byteLength);
  }
}

/** For `readdir`: a folder that does not exist has no entries. */
export function noneWhenAbsent(error: unknown): never[] {
  if (isAbsent(error)) {
    return [];
  }
  throw error;
}

function isAbsent(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
