import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { lock } from 'proper-lockfile';

import { PipelineError } from '../../core/errors.js';
import type { LockOwner } from './lock-owner.js';
import { lockOwnerSchema, ownerState, thisProcess } from './lock-owner.js';

/**
 * The holder touches the lock every second. One that has not done so for five seconds is gone, if we
 * cannot know better: two seconds (the library's least) are enough for one that is known to be dead.
 */
const HEARTBEAT_MS = 1_000;
const GONE_AFTER_MS = 5_000;
const DEAD_AFTER_MS = 2_000;
const POLL_MS = 200;

export interface DataFolderLock {
  /** Idempotent. */
  release(): Promise<void>;
}

/**
 * Takes the data folder for this process alone: two embedded databases on one folder destroy it.
 * After a kill the folder is free again at once or within seconds, which this waits for.
 *
 * @param onLost somebody has taken the lock away (by hand, or because this process stood still): whatever
 *   writes to the folder must stop at once
 * @throws PipelineError `data-folder-locked`, `storage-unavailable`
 */
export async function lockDataFolder(
  folder: string,
  onLost: (error: PipelineError) => void,
): Promise<DataFolderLock> {
  const absolute = resolve(folder);
  const ownerFile = join(absolute, 'owner.json');
  await mkdir(absolute, { recursive: true, mode: 0o750 }).catch((cause: unknown) => {
    throw new PipelineError('storage-unavailable', `cannot create the data folder ${absolute}`, {
      cause,
    });
  });

  // Real time, not a clock of ours: the age of the lock is that of a file.
  const deadlineMs = Date.now() + GONE_AFTER_MS + 2 * HEARTBEAT_MS;
  for (;;) {
    const owner = await readOwner(ownerFile);
    const state = owner === undefined ? 'unknown' : ownerState(owner);
    if (state === 'alive' || Date.now() > deadlineMs) {
      throw locked(absolute, owner);
    }
    const releaseLock = await tryLock(
      absolute,
      state === 'dead' ? DEAD_AFTER_MS : GONE_AFTER_MS,
      () => {
        onLost(locked(absolute, undefined));
      },
    );
    if (releaseLock !== undefined) {
      await writeOwner(ownerFile).catch(async (cause: unknown) => {
        await releaseLock();
        throw new PipelineError(
          'storage-unavailable',
          `cannot write to the data folder ${absolute}`,
          {
            cause,
          },
        );
      });
      let released: Promise<void> | undefined;
      return {
        release: () => (released ??= rm(ownerFile, { force: true }).then(releaseLock)),
      };
    }
    await sleep(POLL_MS);
  }
}

/** Undefined when somebody else has it. */
async function tryLock(
  folder: string,
  staleMs: number,
  onCompromised: () => void,
): Promise<(() => Promise<void>) | undefined> {
  try {
    const release = await lock(folder, {
      lockfilePath: join(folder, 'lock'),
      stale: staleMs,
      update: HEARTBEAT_MS,
      onCompromised,
    });
    // A lock that was taken away cannot be given back.
    return () => release().catch(() => undefined);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ELOCKED') {
      return undefined;
    }
    throw new PipelineError('storage-unavailable', `cannot lock the data folder ${folder}`, {
      cause: error,
    });
  }
}

function locked(folder: string, owner: LockOwner | undefined): PipelineError {
  const who = owner === undefined ? '' : ` (process ${owner.pid} on ${owner.host})`;
  return new PipelineError(
    'data-folder-locked',
    `Another preread process${who} uses the data folder ${folder}. Stop it, or set PREREAD_DATA_DIR ` +
      'to another folder. Processes can share a folder when DATABASE_URL names a PostgreSQL server.',
  );
}

/** By rename, so that nobody reads half a file. */
async function writeOwner(file: string): Promise<void> {
  await writeFile(`${file}.new`, JSON.stringify(thisProcess()));
  await rename(`${file}.new`, file);
}

/** Undefined also for what a power failure may have left of the file: then the lock's age decides. */
async function readOwner(file: string): Promise<LockOwner | undefined> {
  const text = await readFile(file, 'utf8').catch(() => '');
  try {
    return lockOwnerSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
