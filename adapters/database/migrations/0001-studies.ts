import type { Kysely } from 'kysely';
import { sql } from 'kysely';

/**
 * Studies, their instances, results and deliveries, and the outbox. Written as SQL: a migration is a fact
 * of the past, which must not change with the types of the present.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) {
    await sql.raw(statement).execute(db);
  }
}

const STATEMENTS = [
  `CREATE TABLE studies (
    study_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "StudyInstanceUID" text NOT NULL UNIQUE,
    requested_priority_rank smallint NOT NULL,
    activity integer NOT NULL,
    instance_count integer NOT NULL,
    first_received_at timestamptz NOT NULL,
    last_activity_at timestamptz NOT NULL,
    held_until timestamptz,
    assembly_requested_at timestamptz,
    assembled_activity integer NOT NULL DEFAULT 0,
    result_version integer,
    priority_rank smallint,
    flagged boolean
  )`,
  // The list of studies, newest first; and those whose result lags.
  `CREATE INDEX studies_by_age ON studies (first_received_at DESC, study_id DESC)`,
  `CREATE INDEX studies_lagging ON studies (last_activity_at) WHERE activity > assembled_activity`,

  `CREATE TABLE instances (
    instance_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    study_id uuid NOT NULL REFERENCES studies,
    "SOPInstanceUID" text NOT NULL UNIQUE,
    "SOPClassUID" text NOT NULL,
    "SeriesInstanceUID" text NOT NULL,
    "TransferSyntaxUID" text NOT NULL,
    sha256 text NOT NULL,
    size_bytes bigint NOT NULL,
    object_key text NOT NULL,
    received_at timestamptz NOT NULL,
    inference_requested_at timestamptz NOT NULL,
    queued_at timestamptz,
    infer_start_at timestamptz,
    infer_end_at timestamptz,
    outcome jsonb
  )`,
  `CREATE INDEX instances_of_study ON instances (study_id)`,
  `CREATE INDEX instances_of_object ON instances (object_key)`,
  `CREATE INDEX instances_unfinished ON instances (inference_requested_at) WHERE outcome IS NULL`,

  `CREATE TABLE results (
    study_id uuid NOT NULL REFERENCES studies,
    result_version integer NOT NULL,
    covers_activity integer NOT NULL,
    recorded_at timestamptz NOT NULL,
    result jsonb NOT NULL,
    PRIMARY KEY (study_id, result_version)
  )`,

  `CREATE TABLE deliveries (
    delivery_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    study_id uuid NOT NULL,
    result_version integer NOT NULL,
    destination text NOT NULL,
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'dead')),
    attempts integer NOT NULL DEFAULT 0,
    last_error text,
    created_at timestamptz NOT NULL,
    next_attempt_at timestamptz,
    delivered_at timestamptz,
    delivery_requested_at timestamptz NOT NULL,
    UNIQUE (study_id, result_version, destination),
    FOREIGN KEY (study_id, result_version) REFERENCES results
  )`,
  `CREATE INDEX deliveries_pending ON deliveries (delivery_requested_at) WHERE state = 'pending'`,

  `CREATE TABLE outbox (
    entry bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    job_id uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    name text NOT NULL,
    payload jsonb NOT NULL,
    priority_rank smallint NOT NULL,
    not_before timestamptz,
    leased_until timestamptz
  )`,
  `CREATE INDEX outbox_order ON outbox (priority_rank, entry)`,
];
