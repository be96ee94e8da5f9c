import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import { PipelineError } from '../../core/errors.js';
import { takeLock } from '../process/exclusive-lock.js';
import type { LockOwner } from '../process/lock-owner.js';

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
  const path = resolve(folder);
  const unavailable = (what: string) => (cause: unknown) => {
    throw new PipelineError('storage-unavailable', `cannot ${what} the data folder ${path}`, {
      cause,
    });
  };
  await mkdir(path, { recursive: true, mode: 0o750 }).catch(unavailable('create'));
  const attempt = await takeLock(
    { path, lockPath: join(path, 'lock'), ownerPath: join(path, 'owner.json') },
    () => {
      onLost(locked(path, undefined));
    },
  ).catch(unavailable('lock'));
  if (attempt.kind === 'taken') {
    throw locked(path, attempt.owner);
  }
  return attempt;
}

function locked(folder: string, owner: LockOwner | undefined): PipelineError {
  const who = owner === undefined ? '' : ` (process ${owner.pid} on ${owner.host})`;
  return new PipelineError(
    'data-folder-locked',
    `Another preread process${who} uses the data folder ${folder}. Stop it, or set PREREAD_DATA_DIR ` +
      'to another folder. Processes can share a folder when DATABASE_URL names a PostgreSQL server.',
  );
}
