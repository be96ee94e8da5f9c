import type { Kysely } from 'kysely';
import { sql } from 'kysely';

import { JOBS, type JobName } from '../../../core/jobs/jobs.js';
import type { NewJob } from '../../../core/jobs/jobs.js';
import type { JobLease } from '../../../core/storage/study-store.js';
import { isoTime } from '../../../core/time.js';
import type { DatabaseSchema } from '../schema.js';

type Db = Kysely<DatabaseSchema>;

/** A job as the database has it; a time in JSON is text. */
export interface JobRow {
  readonly job_id: string;
  readonly name: JobName;
  readonly payload: unknown;
  readonly priority_rank: number;
  readonly not_before: Date | string | null;
  readonly trace_id: string | null;
}

export function toNewJob(row: JobRow): NewJob {
  return {
    id: row.job_id,
    name: row.name,
    payload: JOBS[row.name].parse(row.payload),
    priorityRank: row.priority_rank,
    ...(row.trace_id !== null && { traceId: row.trace_id }),
    ...(row.not_before !== null && { notBeforeMs: new Date(row.not_before).getTime() }),
    // The name decides the payload's schema, which the compiler cannot follow.
  } as NewJob;
}

/** Of what the job with this `payload` is about. */
export const TRACE_ID = sql<string | null>`coalesce(
  (SELECT trace_id FROM instances WHERE instance_id = (payload ->> 'instanceId')::uuid),
  (SELECT last_trace_id FROM studies WHERE study_id = (payload ->> 'studyId')::uuid),
  (SELECT trace_id FROM deliveries WHERE delivery_id = (payload ->> 'deliveryId')::uuid))`;

export async function claimJobs(
  db: Db,
  now: Date,
  limit: number,
  leaseUntilMs: number,
): Promise<readonly NewJob[]> {
  const rows = await db
    .with('claimed', (cte) =>
      cte
        .selectFrom('outbox')
        .select('entry')
        .where((eb) => eb.or([eb('leased_until', 'is', null), eb('leased_until', '<=', now)]))
        .orderBy('priority_rank')
        .orderBy('entry')
        .limit(limit)
        .forUpdate()
        .skipLocked(),
    )
    .updateTable('outbox')
    .from('claimed')
    .set({ leased_until: new Date(leaseUntilMs) })
    .whereRef('outbox.entry', '=', 'claimed.entry')
    .returning(['outbox.entry', 'job_id', 'name', 'payload', 'priority_rank', 'not_before'])
    .returning(TRACE_ID.as('trace_id'))
    .execute();
  return rows
    .sort((a, b) => a.priority_rank - b.priority_rank || Number(a.entry) - Number(b.entry))
    .map(toNewJob);
}

export async function renewJobs(
  db: Db,
  leases: readonly JobLease[],
  leaseUntilMs: number,
): Promise<readonly string[]> {
  const jobIds = leases.map(({ jobId }) => jobId);
  const until = leases.map(({ leasedUntilMs }) => isoTime(leasedUntilMs));
  const { rows } = await sql<{ job_id: string }>`
    UPDATE outbox SET leased_until = ${new Date(leaseUntilMs)}
    FROM unnest(${jobIds}::uuid[], ${until}::timestamptz[]) AS held (job_id, leased_until)
    WHERE outbox.job_id = held.job_id AND outbox.leased_until = held.leased_until
    RETURNING outbox.job_id`.execute(db);
  return rows.map((row) => row.job_id);
}

export async function completeJobs(
  db: Db,
  jobIds: readonly string[],
  queuedAtMs: number,
): Promise<void> {
  if (jobIds.length === 0) {
    return;
  }
  await db
    .with('queued', (cte) =>
      cte
        .deleteFrom('outbox')
        .where('job_id', 'in', jobIds)
        .returning(sql<string>`(payload ->> 'instanceId')::uuid`.as('instance_id')),
    )
    .updateTable('instances')
    .from('queued')
    // The first time counts: that is how long the instance has waited.
    .set({ queued_at: sql`coalesce(queued_at, ${new Date(queuedAtMs)})` })
    .whereRef('instances.instance_id', '=', 'queued.instance_id')
    .execute();
}
