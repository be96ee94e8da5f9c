import { sql, type RawBuilder } from 'kysely';

import type { AddJobSql } from '../../../core/jobs/job-sql.js';
import type { JobName } from '../../../core/jobs/jobs.js';
import type { JobTaker } from '../../../core/jobs/job-taker.js';
import { toNewJob, type JobRow } from './outbox.js';

/** How the jobs of a transaction get on their way: into the outbox, or into the queue itself. */
export interface HandingOn {
  /**
   * Common table expressions, among them `handed_on`, with a row for each job that the given query has:
   * (name text, payload jsonb, priority_rank integer, not_before timestamptz, trace_id text).
   */
  expressions(jobs: RawBuilder<unknown>, now: Date): RawBuilder<unknown>;
  /** What the statement must select as `handed`, or a queue in the same database gets nothing. */
  readonly handed: RawBuilder<unknown>;
  /** To be called with `handed` when it is committed. */
  committed(handed: unknown, now: Date): void;
}

export interface HandingOnOptions {
  /** Of a queue in the same database: its jobs need no outbox. */
  readonly addJobSql?: AddJobSql | undefined;
  /** Of a queue that is somewhere else. Without it the jobs stay in the outbox for whoever looks there. */
  readonly taker?: JobTaker | undefined;
  /**
   * With both: what the taker does most often without any queue, because a worker of it is in this process. It goes
   * through the outbox to the taker, and the rest into the queue.
   */
  readonly doneHere?: ReadonlySet<JobName> | undefined;
}

export interface WaysOfHandingOn {
  /** Of a statement that makes jobs of one name. */
  readonly of: (name: JobName) => HandingOn;
  readonly few: HandingOn;
  /** For more than `MAX_HANDED_OVER` jobs: whoever takes them looks for them, a batch at a time and the most urgent first. */
  readonly many: HandingOn;
  /** Whether images are in the queue when the transaction is committed. */
  readonly intoQueue: boolean;
}

/** Most jobs of one statement that are handed over in memory. */
export const MAX_HANDED_OVER = 100;

export function createHandingOn(options: HandingOnOptions): WaysOfHandingOn {
  const { addJobSql, taker, doneHere } = options;
  const leased = taker && leasedTo(taker);
  if (addJobSql !== undefined) {
    const way = intoQueue(addJobSql);
    return {
      of: (name) => (doneHere?.has(name) === true ? leased : undefined) ?? way,
      few: way,
      many: way,
      intoQueue: true,
    };
  }
  const many = intoOutbox(taker);
  const few = leased ?? many;
  return { of: () => few, few, many, intoQueue: false };
}

function intoOutbox(taker: JobTaker | undefined): HandingOn {
  return {
    expressions: (jobs) => sql`handed_on AS (
      INSERT INTO outbox (name, payload, priority_rank, not_before)
      SELECT name, payload, priority_rank, not_before
      FROM (${jobs}) AS jobs (name, payload, priority_rank, not_before, trace_id)
      RETURNING entry)`,
    handed: sql`(SELECT count(*) FROM handed_on)`,
    committed(handed) {
      if (Number(handed) > 0) {
        taker?.wake();
      }
    },
  };
}

function leasedTo(taker: JobTaker): HandingOn {
  return {
    expressions: (jobs, now) => sql`handed_on AS MATERIALIZED (
      SELECT gen_random_uuid() AS job_id, name, payload, priority_rank, not_before, trace_id
      FROM (${jobs}) AS jobs (name, payload, priority_rank, not_before, trace_id)),
    entries AS (
      INSERT INTO outbox (job_id, name, payload, priority_rank, not_before, leased_until)
      SELECT job_id, name, payload, priority_rank, not_before,
        ${new Date(now.getTime() + taker.leaseMs)}::timestamptz
      FROM handed_on)`,
    handed: sql`(SELECT json_agg(handed_on) FROM handed_on)`,
    committed(handed, now) {
      const jobs = ((handed ?? []) as readonly JobRow[]).map(toNewJob);
      if (jobs.length > 0) {
        taker.take(jobs, now.getTime() + taker.leaseMs);
      }
    },
  };
}

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
      FROM (${jobs}) AS jobs (name, payload, priority_rank, not_before, trace_id)),
    handed_on AS MATERIALIZED (SELECT ${added} AS job_id FROM to_hand_on)`,
    handed: sql`(SELECT count(*) FROM handed_on)`,
    committed: () => undefined,
  };
}
