import { sql, type Kysely, type RawBuilder, type Transaction } from 'kysely';

import type { JobName, NewJob } from '../../../core/jobs/jobs.js';
import type { Clock } from '../../../core/time.js';
import type { DatabaseSchema } from '../schema.js';
import { createHandingOn, MAX_HANDED_OVER, type HandingOnOptions } from './handing-on.js';
import { TRACE_ID } from './outbox.js';

/** A job on its way into the outbox or the queue, where it gets its id. */
export type OutgoingJob = WithoutId<NewJob>;
type WithoutId<T> = T extends unknown ? Omit<T, 'id'> : never;

/** One transaction that may hand jobs on. */
export interface Writing {
  readonly trx: Transaction<DatabaseSchema>;
  readonly now: Date;
  readonly addJobs: (jobs: readonly OutgoingJob[]) => Promise<void>;
}

/** One statement, which is a transaction of its own: it costs one round trip instead of three or more. */
export interface WritingAtOnce {
  readonly now: Date;
  /** The present time when the queue has the jobs of a statement as soon as it is committed, else null. */
  readonly queuedAt: Date | null;
  /** The expressions of `HandingOn`. */
  readonly handOn: (jobs: RawBuilder<unknown>) => RawBuilder<unknown>;
  /** What a statement with these expressions must select as `handed`. */
  readonly handed: RawBuilder<unknown>;
}

/** Of a statement that hands jobs on. */
export interface HandedOn {
  /** Of `HandingOn`. */
  readonly handed: unknown;
}

/** Both roll everything back when something is thrown. */
export interface Writer {
  transaction<T>(operation: (writing: Writing) => Promise<T>): Promise<T>;
  /**
   * @param makes the name of the jobs that the statement hands on
   * @returns the statement's first row
   */
  atOnce<Row extends HandedOn>(
    makes: JobName,
    statement: (writing: WritingAtOnce) => RawBuilder<Row>,
  ): Promise<Row | undefined>;
}

export function createWriter(
  db: Kysely<DatabaseSchema>,
  clock: Clock,
  options: HandingOnOptions,
): Writer {
  const { few, many, of, intoQueue } = createHandingOn(options);

  /** @returns what to do when it is committed */
  async function addJobs(
    trx: Transaction<DatabaseSchema>,
    now: Date,
    jobs: readonly OutgoingJob[],
  ): Promise<() => void> {
    const way = jobs.length > MAX_HANDED_OVER ? many : few;
    const query = sql`
      SELECT name, payload, priority_rank, not_before, ${TRACE_ID}
      FROM jsonb_to_recordset(${JSON.stringify(jobs.map(jobRecord))}::jsonb)
        AS jobs (name text, payload jsonb, priority_rank integer, not_before timestamptz)`;
    const { rows } = await sql<HandedOn>`
      WITH ${way.expressions(query, now)} SELECT ${way.handed} AS handed`.execute(trx);
    const instanceIds = jobs.flatMap((job) =>
      job.name === 'infer' ? [job.payload.instanceId] : [],
    );
    if (intoQueue && instanceIds.length > 0) {
      await sql`UPDATE instances SET queued_at = coalesce(queued_at, ${now})
        WHERE instance_id = ANY(${instanceIds}::uuid[])`.execute(trx);
    }
    return () => {
      way.committed(rows[0]?.handed, now);
    };
  }

  return {
    async transaction(operation) {
      const committed: (() => void)[] = [];
      const now = new Date(clock());
      const result = await db.transaction().execute((trx) =>
        operation({
          trx,
          now,
          async addJobs(jobs) {
            if (jobs.length > 0) {
              committed.push(await addJobs(trx, now, jobs));
            }
          },
        }),
      );
      for (const tell of committed) {
        tell();
      }
      return result;
    },

    async atOnce(makes, statement) {
      const way = of(makes);
      const now = new Date(clock());
      const { rows } = await statement({
        now,
        queuedAt: intoQueue ? now : null,
        handOn: (jobs) => way.expressions(jobs, now),
        handed: way.handed,
      }).execute(db);
      const [row] = rows;
      way.committed(row?.handed, now);
      return row;
    },
  };
}

function jobRecord(job: OutgoingJob) {
  return {
    name: job.name,
    payload: job.payload,
    priority_rank: job.priorityRank,
    not_before: job.notBeforeMs === undefined ? null : new Date(job.notBeforeMs).toISOString(),
  };
}
