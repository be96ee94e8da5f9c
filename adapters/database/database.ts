import type pg from 'pg';

/**
 * The search path of every connection: our tables first, then those of BullMQ, whose statements name
 * no schema. New tables of ours go to the first.
 */
export const SEARCH_PATH = 'preread,bullmq,public';

/** An open database: PostgreSQL, or the embedded one. Both speak through node-postgres. */
export interface Database {
  readonly pool: pg.Pool;
  /**
   * For the job queue, unless there is a Redis. A commit on it may be undone by a power failure of the moment after,
   * together with all that was committed later: then a job is done once more.
   */
  readonly queuePool: pg.Pool;
  /** Ends the connections, and the server where it is ours. Idempotent. */
  readonly close: () => Promise<void>;
}
