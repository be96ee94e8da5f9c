import { open } from 'node:fs/promises';

import type { OpenFile } from '../../core/storage/object-store.js';
import type { StorageGuard } from './storage-guard.js';

const CHUNK_BYTES = 256 * 1024;

/** Opens a file for reading; each operation on it has the guard's time limit. */
export async function openGuarded({ run, tidy }: StorageGuard, path: string): Promise<OpenFile> {
  const file = await run(
    () => open(path, 'r'),
    (late) => late.close(),
  );
  return {
    sizeBytes: () => run(async () => (await file.stat()).size),
    read: (at, length) =>
      run(async () => {
        const buffer = Buffer.allocUnsafe(length);
        const { bytesRead } = await file.read(buffer, 0, length, at);
        return buffer.subarray(0, bytesRead);
      }),
    close: () => tidy(() => file.close()),
  };
}

/** The bytes of a file from its beginning. Between two chunks, however long that takes, no thread is held. */
export async function* readGuarded(guard: StorageGuard, path: string): AsyncGenerator<Uint8Array> {
  const file = await openGuarded(guard, path);
  try {
    for (let at = 0; ;) {
      const chunk = await file.read(at, CHUNK_BYTES);
      if (chunk.length === 0) {
        return;
      }
      yield chunk;
      at += chunk.length;
    }
  } finally {
    await file.close();
  }
}
