import type pg from 'pg';
import { z } from 'zod';

import type { Logger } from '../../core/log.js';

/**
 * The chores that PostgreSQL leaves to processes which the embedded server does not have. Without
 * checkpoints the log grows for ever and a restart after a crash reads all of it; without VACUUM the
 * tables of a queue, whose rows live for seconds, grow for ever.
 */
export interface Maintenance {
  /** Waits for the chore in hand. Idempotent. */
  stop(): Promise<void>;
}

const INTERVAL_MS = 30_000;
/** So much log is read again in one to two seconds. */
const CHECKPOINT_AFTER_BYTES = 64 * 1024 ** 2;
/** A table is cleaned when it has more dead rows than this and more than a fifth of its live ones. */
const DEAD_ROWS = 1_000;

export function startMaintenance(deps: {
  readonly pool: pg.Pool;
  readonly logger: Logger;
}): Maintenance {
  let working: Promise<void> | undefined;
  const timer = setInterval(() => {
    working ??= maintain(deps.pool)
      .catch((error: unknown) => {
        const sqlState = error instanceof Error && 'code' in error ? error.code : undefined;
        deps.logger.warn({ sqlState }, 'the embedded database could not be maintained');
      })
      .finally(() => {
        working = undefined;
      });
  }, INTERVAL_MS);
  timer.unref();
  return {
    async stop() {
      clearInterval(timer);
      await working;
    },
  };
}

const logSchema = z.tuple([z.object({ bytes: z.coerce.number() })]);
const tablesSchema = z.array(z.object({ name: z.string() }));

/** One round of chores. */
export async function maintain(pool: pg.Pool): Promise<void> {
  // PostgreSQL keeps back its counts of dead rows for up to a second (up to a minute in a busy spell).
  await pool.query('SELECT pg_stat_force_next_flush()');
  const bloated = await pool.query(
    `SELECT quote_ident(schemaname) || '.' || quote_ident(relname) AS name FROM pg_stat_all_tables
     WHERE n_dead_tup > $1 AND n_dead_tup > n_live_tup / 5`,
    [DEAD_ROWS],
  );
  for (const { name } of tablesSchema.parse(bloated.rows)) {
    await pool.query(`VACUUM (ANALYZE) ${name}`);
  }
  const log = await pool.query(
    'SELECT pg_current_wal_lsn() - redo_lsn AS bytes FROM pg_control_checkpoint()',
  );
  const [{ bytes }] = logSchema.parse(log.rows);
  if (bytes > CHECKPOINT_AFTER_BYTES) {
    await pool.query('CHECKPOINT');
  }
}
