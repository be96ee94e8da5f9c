import type { Kysely } from 'kysely';
import { sql } from 'kysely';

import type { JobName } from '../../../core/jobs/jobs.js';
import type {
  DeadLetter,
  DeadLetterKind,
  DeadLetterQuery,
} from '../../../core/storage/operations-store.js';
import type { DatabaseSchema } from '../schema.js';

type Db = Kysely<DatabaseSchema>;

interface DeadLetterRow {
  readonly id: string;
  readonly kind: DeadLetterKind;
  readonly StudyInstanceUID: string | null;
  readonly error: string;
  readonly attempts: number | null;
  readonly since: Date;
  readonly destination: string | null;
  readonly result_version: number | null;
  readonly job_name: JobName | null;
}

/** The three kinds as one list. */
const DEAD_LETTERS = sql`
  SELECT delivery_id AS id, 'delivery' AS kind, "StudyInstanceUID", coalesce(last_error, '') AS error,
    attempts, dead_at AS since, destination, deliveries.result_version, NULL AS job_name
  FROM deliveries JOIN studies USING (study_id)
  WHERE state = 'dead'
  UNION ALL
  SELECT instance_id, 'instance', "StudyInstanceUID", outcome ->> 'detail',
    NULL, infer_end_at, NULL, NULL, NULL
  FROM instances JOIN studies USING (study_id)
  WHERE outcome ->> 'reason' = 'processing-failed'
  UNION ALL
  SELECT parked_job_id, 'job', "StudyInstanceUID", error, parked_jobs.attempts, parked_at, NULL, NULL,
    parked_jobs.name
  FROM parked_jobs
  LEFT JOIN instances ON parked_jobs.name = 'infer' AND instance_id = subject_id
  LEFT JOIN deliveries ON parked_jobs.name = 'deliver' AND delivery_id = subject_id
  LEFT JOIN studies
    ON studies.study_id = coalesce(instances.study_id, deliveries.study_id, subject_id)`;

export async function listDeadLetters(
  db: Db,
  { limit, kind, destination }: DeadLetterQuery,
): Promise<readonly DeadLetter[]> {
  const { rows } = await sql<DeadLetterRow>`
    SELECT * FROM (${DEAD_LETTERS}) AS dead_letters
    WHERE (${kind ?? null}::text IS NULL OR kind = ${kind ?? null})
      AND (${destination ?? null}::text IS NULL OR destination = ${destination ?? null})
    ORDER BY since DESC, id
    LIMIT ${limit}`.execute(db);
  return rows.map(toDeadLetter);
}

export async function findDeadLetter(db: Db, id: string): Promise<DeadLetter | undefined> {
  const { rows } = await sql<DeadLetterRow>`
    SELECT * FROM (${DEAD_LETTERS}) AS dead_letters WHERE id = ${id}`.execute(db);
  return rows[0] && toDeadLetter(rows[0]);
}

function toDeadLetter(row: DeadLetterRow): DeadLetter {
  return {
    id: row.id,
    kind: row.kind,
    StudyInstanceUID: row.StudyInstanceUID ?? undefined,
    error: row.error,
    attempts: row.attempts ?? undefined,
    sinceMs: row.since.getTime(),
    destination: row.destination ?? undefined,
    resultVersion: row.result_version ?? undefined,
    jobName: row.job_name ?? undefined,
  };
}
