import type { Kysely } from 'kysely';
import { sql } from 'kysely';

/** What operating takes: reprocessing, parked jobs, retention, an audit trail, one trace id from end to end. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) {
    await sql.raw(statement).execute(db);
  }
}

const STATEMENTS = [
  `ALTER TABLE studies
    ADD COLUMN reprocessing jsonb,
    ADD COLUMN last_trace_id text`,
  `ALTER TABLE instances
    ADD COLUMN reprocess_requested_at timestamptz,
    ADD COLUMN stored_again_at timestamptz,
    ADD COLUMN purged_at timestamptz,
    ADD COLUMN trace_id text`,
  `CREATE INDEX instances_kept ON instances ((coalesce(stored_again_at, received_at)))
    WHERE purged_at IS NULL`,
  `CREATE INDEX instances_failed ON instances (infer_end_at)
    WHERE outcome ->> 'reason' = 'processing-failed'`,

  `ALTER TABLE deliveries
    ADD COLUMN dead_at timestamptz,
    ADD COLUMN trace_id text`,
  `UPDATE deliveries SET dead_at = now() WHERE state = 'dead'`,
  `CREATE INDEX deliveries_dead ON deliveries (dead_at) WHERE state = 'dead'`,
  `CREATE INDEX deliveries_of_study ON deliveries (study_id) WHERE state IN ('waiting', 'pending', 'dead')`,

  `ALTER TABLE outbox ADD COLUMN created_at timestamptz NOT NULL DEFAULT now()`,

  `CREATE TABLE parked_jobs (
    parked_job_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name text NOT NULL,
    subject_id uuid NOT NULL,
    error text NOT NULL,
    attempts integer NOT NULL,
    parked_at timestamptz NOT NULL,
    UNIQUE (name, subject_id)
  )`,

  `CREATE TABLE audit_log (
    entry bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    at timestamptz NOT NULL,
    actor text NOT NULL,
    action text NOT NULL,
    subject_id uuid,
    detail jsonb NOT NULL
  )`,
  `CREATE INDEX audit_log_of_subject ON audit_log (subject_id)`,
];
