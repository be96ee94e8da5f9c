import type pg from 'pg';

/**
 * The search path of every connection: our tables first, then those of BullMQ, whose statements name
 * no schema. New tables of ours go to the first.
 */
export const SEARCH_PATH = 'preread,bullmq,public';

/** An open database: PostgreSQL, or the embedded one. Both speak through node-postgres. */
export interface Database {
  /** Shared by the study store and, unless there is a Redis, the job queue. */
  readonly pool: pg.Pool;
  /** Ends the connections, and the server where it is ours. Idempotent. */
  readonly close: () => Promise<void>;
}
