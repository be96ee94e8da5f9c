import { createPostgresBackend, Queue, runMigrations, Worker } from 'bullmq';
import type pg from 'pg';

import type { QueueBackend } from './queue-backend.js';
import { STREAMS, workerOptions } from './queue-backend.js';
import { spareClaims } from './spare-claims.js';

/**
 * BullMQ's function that removes old jobs at the end of each job names their state by a parameter, so that a plan for
 * all states cannot use the index of the ended ones. Made while the table is small, that plan reads the whole
 * table, and it is kept when a hundred thousand jobs wait in it: so the function plans for the state it is given. Leaves
 * alone what belongs to somebody else.
 */
const PLAN_RETENTION_BY_STATE = `DO $$
  DECLARE retention regprocedure;
  BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('preread:plan-retention'));
    FOR retention IN
      SELECT oid FROM pg_proc
      WHERE proname = 'apply_retention' AND pronamespace = to_regnamespace('bullmq')
        AND pg_has_role(proowner, 'USAGE')
        AND NOT 'plan_cache_mode=force_custom_plan' = ANY (coalesce(proconfig, '{}'))
    LOOP
      EXECUTE format('ALTER FUNCTION %s SET plan_cache_mode = force_custom_plan', retention);
    END LOOP;
  END $$`;

/** BullMQ on PostgreSQL or the embedded database. The pool stays its owner's. */
export function createPostgresQueueBackend(pool: pg.Pool): QueueBackend {
  return {
    // BullMQ's PostgreSQL function for it makes temporary tables, which costs as much as ten jobs one by one.
    minBulk: 8,
    async prepare() {
      const client = await pool.connect();
      try {
        await runMigrations(client);
        await client.query(PLAN_RETENTION_BY_STATE);
      } finally {
        client.release();
      }
    },
    createQueue(name, onError) {
      const options = { connection: pool, streams: STREAMS };
      return new Queue(name, options, createPostgresBackend).on('error', onError);
    },
    createWorker(name, processor, settings, onError) {
      const options = { connection: pool, ...workerOptions(settings) };
      const createBackend: typeof createPostgresBackend = (...args) =>
        spareClaims(createPostgresBackend(...args));
      return new Worker(name, processor, options, createBackend).on('error', onError);
    },
    // The queue is in the same database as what its jobs are about: they are lost together or not at all.
    hasMark: () => Promise.resolve(true),
    setMark: () => Promise.resolve(),
    disconnect() {
      // The pool has its own time-outs, and its owner ends it.
    },
  };
}
