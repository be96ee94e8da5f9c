import type { Kysely } from 'kysely';
import { sql } from 'kysely';

/** Archives on their way through a fleet of workers. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) {
    await sql.raw(statement).execute(db);
  }
}

const STATEMENTS = [
  `CREATE TABLE archive_offers (
    worker_id uuid PRIMARY KEY,
    facts jsonb NOT NULL,
    concurrency integer NOT NULL,
    seen_at timestamptz NOT NULL
  )`,

  `CREATE TABLE archive_runs (
    run_id uuid PRIMARY KEY,
    fingerprint text NOT NULL,
    seen_at timestamptz NOT NULL
  )`,

  // Rows are small, written twice and deleted: room on their page saves the index from being touched each time.
  `CREATE TABLE archive_files (
    file_id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    run_id uuid NOT NULL REFERENCES archive_runs ON DELETE CASCADE,
    position integer NOT NULL,
    path text NOT NULL,
    worker_id uuid,
    leased_until timestamptz,
    claims integer NOT NULL DEFAULT 0,
    classification jsonb,
    UNIQUE (run_id, position)
  ) WITH (fillfactor = 70)`,
  `CREATE INDEX archive_files_open ON archive_files (file_id) WHERE classification IS NULL`,
  `CREATE INDEX archive_files_finished ON archive_files (run_id) WHERE classification IS NOT NULL`,
];
