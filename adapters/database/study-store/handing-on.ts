import { sql, type RawBuilder } from 'kysely';

import type { AddJobSql } from '../../../core/jobs/job-sql.js';

/** How the jobs of a transaction get on their way: into the outbox, or into the queue itself. */
export interface HandingOn {
  /**
   * Common table expressions of which the last one is `handed_on`, with a row for each job that the given query
   * has: (name text, payload jsonb, priority_rank integer, not_before timestamptz). The statement must count
   * these rows, or the queue gets nothing.
   */
  expressions(jobs: RawBuilder<unknown>, now: Date): RawBuilder<unknown>;
  /** Whether the jobs are in the queue when the transaction is committed. */
  readonly intoQueue: boolean;
}

/** @param addJobSql undefined when the queue is somewhere else */
export function createHandingOn(addJobSql: AddJobSql | undefined): HandingOn {
  return addJobSql === undefined ? INTO_OUTBOX : intoQueue(addJobSql);
}

const INTO_OUTBOX: HandingOn = {
  expressions: (jobs) => sql`handed_on AS (
    INSERT INTO outbox (name, payload, priority_rank, not_before) ${jobs} RETURNING entry)`,
  intoQueue: false,
};

function intoQueue(addJobSql: AddJobSql): HandingOn {
  const added = sql.raw(
    addJobSql({
      id: 'id',
      name: 'name',
      payload: 'payload',
      priorityRank: 'priority_rank',
      delayMs: 'delay_ms',
      addedAtMs: 'added_at_ms',
    }),
  );
  return {
    // Materialised, so that an id is made once and a job is added once.
    expressions: (jobs, now) => sql`to_hand_on AS MATERIALIZED (
      SELECT gen_random_uuid()::text AS id, name, payload, priority_rank::integer AS priority_rank,
        ${now.getTime()}::bigint AS added_at_ms,
        greatest(0, ceil(extract(epoch FROM not_before - ${now}::timestamptz) * 1000))::bigint AS delay_ms
      FROM (${jobs}) AS jobs (name, payload, priority_rank, not_before)),
    handed_on AS MATERIALIZED (SELECT ${added} AS job_id FROM to_hand_on)`,
    intoQueue: true,
  };
}
