import type { Kysely, Transaction } from 'kysely';

import type { NewJob } from '../../../core/jobs/jobs.js';
import type { Clock } from '../../../core/time.js';
import type { DatabaseSchema } from '../schema.js';

/** A job on its way into the outbox, which gives it its id. */
export type OutboxJob = WithoutId<NewJob>;
type WithoutId<T> = T extends unknown ? Omit<T, 'id'> : never;

/** One transaction that may put jobs into the outbox. */
export interface Writing {
  readonly trx: Transaction<DatabaseSchema>;
  readonly now: Date;
  readonly addJobs: (jobs: readonly OutboxJob[]) => Promise<void>;
}

/** Runs an operation in a transaction; what it throws rolls it back. */
export type Write = <T>(operation: (writing: Writing) => Promise<T>) => Promise<T>;

/** @param onOutbox called after each commit that has put jobs into the outbox */
export function createWrite(db: Kysely<DatabaseSchema>, clock: Clock, onOutbox: () => void): Write {
  return async (operation) => {
    const added = { jobs: 0 };
    const result = await db.transaction().execute((trx) =>
      operation({
        trx,
        now: new Date(clock()),
        async addJobs(jobs) {
          if (jobs.length > 0) {
            await trx.insertInto('outbox').values(jobs.map(outboxRow)).execute();
            added.jobs += jobs.length;
          }
        },
      }),
    );
    if (added.jobs > 0) {
      onOutbox();
    }
    return result;
  };
}

function outboxRow(job: OutboxJob) {
  return {
    name: job.name,
    payload: JSON.stringify(job.payload),
    priority_rank: job.priorityRank,
    not_before: job.notBeforeMs === undefined ? null : new Date(job.notBeforeMs),
  };
}
