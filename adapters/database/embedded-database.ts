import { statfs } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { PipelineError } from '../../core/errors.js';
import type { Logger } from '../../core/log.js';
import type { Clock } from '../../core/time.js';
import { createPool } from './create-pool.js';
import { lockDataFolder } from './data-folder-lock.js';
import { databaseError } from './database-error.js';
import type { Database } from './database.js';
import { startMaintenance } from './embedded-maintenance.js';
import type { Durability } from './pglite/messages.js';
import { createEmbeddedServer } from './pglite/server.js';
import { EmbeddedSocket } from './pglite/socket.js';

/** Connections cost nothing here; those that wait for notifications are never given back. */
const POOL_SIZE = 50;

const END_TIMEOUT_MS = 2_000;
/** With less than a segment of its write-ahead log the database does not start. */
const LEAST_FREE_BYTES = 16 * 1024 ** 2;

/**
 * The embedded database in `database/` of the data folder, which this process then has for itself.
 *
 * @throws PipelineError `data-folder-locked`, `storage-full`, `storage-unavailable`, `database-unavailable`
 */
export async function openEmbeddedDatabase(
  deps: { readonly logger: Logger; readonly clock: Clock },
  options: { readonly dataFolder: string },
): Promise<Database> {
  const folder = join(resolve(options.dataFolder), 'database');
  const lock = await lockDataFolder(options.dataFolder, (error) => {
    deps.logger.error({ code: error.code }, 'the data folder was taken away; the database stops');
    server.abort(error);
  }).catch(async (error: unknown) => {
    throw (await fullDisk(options.dataFolder, error)) ?? error;
  });
  const server = createEmbeddedServer(folder, deps.clock);
  const poolOf = (durability: Durability) =>
    createPool(
      { max: POOL_SIZE, keepAlive: true, stream: () => new EmbeddedSocket(server, durability) },
      () => {
        deps.logger.error({}, 'the embedded database has stopped; the next query starts it again');
      },
    );
  const pool = poolOf('strict');
  const queuePool = poolOf('lazy');
  const maintenance = startMaintenance({ pool, logger: deps.logger });
  let closed: Promise<void> | undefined;
  async function closeAll(): Promise<void> {
    await maintenance.stop();
    // A client that nobody has given back does not hold the shutdown up: its server goes away.
    const ended = Promise.all([pool.end(), queuePool.end()]);
    await Promise.race([ended, sleep(END_TIMEOUT_MS, undefined, { ref: false })]);
    await server.close();
    await lock.release();
  }
  const close = () => (closed ??= closeAll());
  try {
    await pool.query('SELECT 1');
  } catch (error) {
    await close();
    throw (await fullDisk(options.dataFolder, error)) ?? databaseError(error);
  }
  return { pool, queuePool, close };
}

/** Whether that is why it failed: PGlite says so in many ways, or not at all. */
async function fullDisk(dataFolder: string, cause: unknown): Promise<PipelineError | undefined> {
  const disk = await statfs(resolve(dataFolder)).catch(() => undefined);
  if (disk === undefined || disk.bavail * disk.bsize >= LEAST_FREE_BYTES) {
    return undefined;
  }
  const message = `There is no room left for the database in ${resolve(dataFolder)}: free some and start again.`;
  return new PipelineError('storage-full', message, { cause });
}
