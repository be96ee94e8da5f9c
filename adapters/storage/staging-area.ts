import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, readdir, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';

import { PipelineError } from '../../core/errors.js';
import type { StorageGuard } from './storage-guard.js';

/** Objects are patients' images: nothing for other users of the machine. */
export const FOLDER_MODE = 0o750;
const FILE_MODE = 0o640;
/** The free space is looked at again after so many bytes of one object. */
const WATERMARK_INTERVAL_BYTES = 32 * 1024 ** 2;

export interface StagedFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly sha256: string;
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

  async function newPath(extension: string): Promise<string> {
    await mkdir(folder, { recursive: true, mode: FOLDER_MODE });
    return join(folder, `${randomUUID()}.${extension}`);
  }

  async function fill(
    path: string,
    bytes: AsyncIterable<Uint8Array>,
    maxBytes: number,
  ): Promise<StagedFile> {
    const hash = createHash('sha256');
    const file = await storing(
      () => open(path, 'wx', FILE_MODE),
      (late) => late.close(),
    );
    try {
      let sizeBytes = 0;
      let nextCheckBytes = 0;
      // Only our own operations are wrapped by `storing`: trouble of the source stays what it is.
      for await (const chunk of bytes) {
        if (sizeBytes >= nextCheckBytes) {
          await storing(requireFreeSpace);
          nextCheckBytes += WATERMARK_INTERVAL_BYTES;
        }
        sizeBytes += chunk.byteLength;
        if (sizeBytes > maxBytes) {
          throw new PipelineError('payload-too-large', undefined, { context: { maxBytes } });
        }
        hash.update(chunk);
        await storing(() => file.writeFile(chunk));
      }
      await storing(() => file.sync());
      return { path, sizeBytes, sha256: hash.digest('hex') };
    } finally {
      // What a network file system reports only at close, the fsync has reported before.
      await tidy(() => file.close());
    }
  }

  return {
    async write(bytes, maxBytes) {
      const path = await storing(() => newPath('part'));
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
        const path = await newPath('probe');
        const freeBytes = await requireFreeSpace();
        try {
          const file = await open(path, 'wx', FILE_MODE);
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

/** For `readdir`: a folder that does not exist has no entries. */
export function noneWhenAbsent(error: unknown): never[] {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
    return [];
  }
  throw error;
}
