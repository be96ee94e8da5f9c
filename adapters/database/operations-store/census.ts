import type { Kysely } from 'kysely';
import { sql } from 'kysely';

import type { Backlog, Census } from '../../../core/storage/operations-store.js';
import type { DatabaseSchema } from '../schema.js';

interface BacklogRow {
  readonly name: string;
  /** int8 comes as text. */
  readonly count: string;
  readonly oldest: Date | null;
}

const NONE: Backlog = { count: 0, oldestAtMs: undefined };

/** Each count reads a partial index that holds what it counts and no more. */
export async function takeCensus(db: Kysely<DatabaseSchema>): Promise<Census> {
  const { rows } = await sql<BacklogRow>`
    SELECT CASE WHEN queued_at IS NULL THEN 'received' ELSE 'queued' END AS name, count(*),
      min(coalesce(reprocess_requested_at, received_at)) AS oldest
    FROM instances WHERE outcome IS NULL GROUP BY 1
    UNION ALL
    SELECT 'analysing', count(*), min(last_activity_at)
    FROM studies WHERE activity > assembled_activity
    UNION ALL
    SELECT 'pending', count(*), min(created_at) FROM deliveries WHERE state = 'pending'
    UNION ALL
    SELECT 'dead', count(*), min(dead_at) FROM deliveries WHERE state = 'dead'
    UNION ALL
    SELECT 'requested', count(*), min(requested_at)
    FROM sent_commitments JOIN deliveries USING (delivery_id) JOIN studies USING (study_id)
    WHERE report IS NULL AND state = 'delivered'
      AND deliveries.result_version = studies.result_version
    UNION ALL
    SELECT 'outbox', count(*), min(created_at) FROM outbox
    UNION ALL
    SELECT 'failed', count(*), min(infer_end_at)
    FROM instances WHERE outcome ->> 'reason' = 'processing-failed'
    UNION ALL
    SELECT 'parked', count(*), min(parked_at) FROM parked_jobs`.execute(db);
  const of = (name: string): Backlog => {
    const row = rows.find((candidate) => candidate.name === name);
    return row === undefined
      ? NONE
      : { count: Number(row.count), oldestAtMs: row.oldest?.getTime() };
  };
  return {
    instances: { received: of('received'), queued: of('queued') },
    studies: { analysing: of('analysing') },
    deliveries: { pending: of('pending'), dead: of('dead') },
    unreportedCommitments: of('requested'),
    outbox: of('outbox'),
    failedInstances: of('failed'),
    parkedJobs: of('parked'),
  };
}
