import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

import { lock } from 'proper-lockfile';

import type { LockOwner } from './lock-owner.js';
import { isThisProcess, lockOwnerSchema, ownerState, thisProcess } from './lock-owner.js';

/**
 * The holder touches the lock every second. One that has not done so for five seconds is gone, if we
 * cannot know better: two seconds (the library's least) are enough for one that is known to be dead.
 */
const HEARTBEAT_MS = 1_000;
const GONE_AFTER_MS = 5_000;
const DEAD_AFTER_MS = 2_000;
const POLL_MS = 200;

/** Places that this process has. */
const heldHere = new Set<string>();

export interface LockPlace {
  /** What is locked; it exists. */
  readonly path: string;
  /** Is there while somebody has it. */
  readonly lockPath: string;
  /** Says who that is. */
  readonly ownerPath: string;
}

export type LockAttempt =
  | {
      readonly kind: 'held';
      /** Idempotent. */
      readonly release: () => Promise<void>;
    }
  | { readonly kind: 'taken'; readonly owner: LockOwner | undefined };

/**
 * Takes something for this process alone. After a kill of its holder it is free again at once or within seconds, which this
 * waits for.
 *
 * @param onLost somebody has taken the lock away (by hand, or because this process stood still)
 * @throws what the file system says when the lock cannot be written
 */
export async function takeLock(place: LockPlace, onLost: () => void): Promise<LockAttempt> {
  // Real time, not a clock of ours: the age of the lock is that of a file.
  const deadlineMs = Date.now() + GONE_AFTER_MS + 2 * HEARTBEAT_MS;
  for (;;) {
    const owner = await readOwner(place.ownerPath);
    const state = stateOf(owner, place);
    if (state === 'alive' || Date.now() > deadlineMs) {
      return { kind: 'taken', owner };
    }
    const staleMs = state === 'dead' ? DEAD_AFTER_MS : GONE_AFTER_MS;
    const releaseLock = await tryLock(place, staleMs, () => {
      heldHere.delete(place.lockPath);
      onLost();
    });
    if (releaseLock !== undefined) {
      heldHere.add(place.lockPath);
      try {
        await writeOwner(place.ownerPath);
      } catch (error) {
        heldHere.delete(place.lockPath);
        await releaseLock();
        throw error;
      }
      let released: Promise<void> | undefined;
      const release = async (): Promise<void> => {
        // What was lost is somebody else's by now, and so is the file that says who has it.
        if (heldHere.delete(place.lockPath)) {
          await rm(place.ownerPath, { force: true });
          await releaseLock();
        }
      };
      return { kind: 'held', release: () => (released ??= release()) };
    }
    await sleep(POLL_MS);
  }
}

function stateOf(owner: LockOwner | undefined, { lockPath }: LockPlace) {
  if (owner === undefined) {
    return 'unknown';
  }
  // What this process has lost it has no more, whatever the file still says.
  return isThisProcess(owner) && !heldHere.has(lockPath) ? 'dead' : ownerState(owner);
}

/** Undefined when somebody else has it. */
async function tryLock(
  { path, lockPath }: LockPlace,
  staleMs: number,
  onCompromised: () => void,
): Promise<(() => Promise<void>) | undefined> {
  try {
    const release = await lock(path, {
      lockfilePath: lockPath,
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
    throw error;
  }
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
