import { closeSync, fsync, open } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';

import type { ObjectStore, StagedObject } from '../../core/storage/object-store.js';
import { openGuarded, readGuarded } from './guarded-file.js';
import type { StagedFile } from './staging-area.js';
import { createStagingArea, FOLDER_MODE, noneWhenAbsent } from './staging-area.js';
import { createStorageGuard, type StorageGuard } from './storage-guard.js';

export interface LocalObjectStoreOptions {
  /** Holds `objects/` and `staging/`, which must be on one file system: an object moves by rename. */
  readonly dataFolder: string;
  /** While there is less room than this, `stage` and `check` throw `storage-full`. */
  readonly minFreeBytes: number;
  /** An operation on a file that takes longer fails with `storage-unavailable`. */
  readonly timeLimitMs?: number;
  /** Threads that libuv has for files (UV_THREADPOOL_SIZE); the store leaves one of them free. */
  readonly poolThreads?: number;
}

export interface LocalObjectStore extends ObjectStore {
  /**
   * Removes what dead processes left half written. A file that is being received is written to all the
   * time, so its age tells the two apart where several processes share the folder.
   * @param timeMs epoch ms; Infinity for a process that has the folder to itself
   * @returns number of files removed
   */
  removeStagedBefore(timeMs: number): Promise<number>;
}

/** libuv's own default. Source: https://docs.libuv.org/en/v1.x/threadpool.html */
const DEFAULT_POOL_THREADS = 4;
const DEFAULT_TIME_LIMIT_MS = 30_000;
const KEY_PATTERN = /^[0-9a-f]{2}\/[0-9a-f]{2}\/[0-9a-f]{64}\.dcm$/;

/** Objects as files `objects/ab/cd/<sha256>.dcm`. Folders are created when something is written. */
export function createLocalObjectStore(options: LocalObjectStoreOptions): LocalObjectStore {
  const dataFolder = resolve(options.dataFolder);
  const objects = join(dataFolder, 'objects');
  const guard = createStorageGuard({
    what: 'object store',
    timeLimitMs: options.timeLimitMs ?? DEFAULT_TIME_LIMIT_MS,
    maxInFlight: Math.max(1, (options.poolThreads ?? DEFAULT_POOL_THREADS) - 1),
  });
  const storing = guard.run;
  const staging = createStagingArea(join(dataFolder, 'staging'), options.minFreeBytes, guard);
  const durableFolders = new Set<string>();

  function pathOf(key: string): string {
    if (!KEY_PATTERN.test(key)) {
      throw new RangeError('not the key of an object');
    }
    return join(objects, key);
  }

  /** A file is as durable as the entries of the folders above it. Each of these is fsynced once a process. */
  async function syncAbove(folder: string): Promise<void> {
    const unsure: string[] = [];
    for (let f = folder; f !== dataFolder && !durableFolders.has(f); f = dirname(f)) {
      unsure.push(f);
    }
    for (const entry of unsure) {
      await syncFolder(dirname(entry));
    }
    unsure.forEach((entry) => durableFolders.add(entry));
  }

  async function moveToPlace({ path, sha256 }: StagedFile): Promise<string> {
    const key = `${sha256.slice(0, 2)}/${sha256.slice(2, 4)}/${sha256}.dcm`;
    const target = pathOf(key);
    const folder = dirname(target);
    await mkdir(folder, { recursive: true, mode: FOLDER_MODE });
    // Replaces nothing but the same bytes. The folder is fsynced in that case too: whoever put them
    // there may not have come so far.
    await rename(path, target);
    // The first fsync takes what was done to the other folders along, where the file system has one journal.
    await syncFolder(folder);
    await syncAbove(folder);
    return key;
  }

  function stagedObject(file: StagedFile): StagedObject {
    let committed: Promise<string> | undefined;
    return {
      ...file,
      commit() {
        committed ??= storing(() => moveToPlace(file)).catch((error: unknown) => {
          committed = undefined;
          throw error;
        });
        return committed;
      },
      async discard() {
        if (committed === undefined) {
          // What cannot be removed now goes with removeStagedBefore.
          await guard.tidy(() => rm(file.path, { force: true }));
        }
      },
    };
  }

  return {
    stage: async (bytes, { maxBytes }) => stagedObject(await staging.write(bytes, maxBytes)),
    path: pathOf,
    open: (path) => openGuarded(guard, path),
    read: (path) => readGuarded(guard, path),
    keys: () => walk(objects, storing),
    async guarded(operation) {
      const done = await storing(() =>
        operation().then(
          (value) => ({ value }),
          (error: unknown) => ({ error }),
        ),
      );
      if ('error' in done) {
        throw done.error;
      }
      return done.value;
    },
    remove: (key) => storing(() => rm(pathOf(key), { force: true })),
    freeBytes: () => staging.freeBytes(),
    check: async () => ({ freeBytes: await staging.probe() }),
    removeStagedBefore: (timeMs) => staging.removeUntouchedSince(timeMs),
  };
}

const openDescriptor = promisify(open);
const syncDescriptor = promisify(fsync);

/** Closing a folder waits for nothing, on a network share either: it needs no thread. */
async function syncFolder(folder: string): Promise<void> {
  const descriptor = await openDescriptor(folder, 'r');
  await syncDescriptor(descriptor).finally(() => {
    closeSync(descriptor);
  });
}

/** Keys of the objects in a folder. Folders are read one at a time: an archive has millions of files. */
async function* walk(objects: string, storing: StorageGuard['run']): AsyncIterable<string> {
  const list = (folder: string) => storing(() => readdir(folder).catch(noneWhenAbsent));
  for (const first of await list(objects)) {
    for (const second of await list(join(objects, first))) {
      for (const name of await list(join(objects, first, second))) {
        const key = `${first}/${second}/${name}`;
        if (KEY_PATTERN.test(key)) {
          yield key;
        }
      }
    }
  }
}
