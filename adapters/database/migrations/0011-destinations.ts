import type { Kysely } from 'kysely';
import { sql } from 'kysely';

/** Destinations that the API has set: every process reads them. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`CREATE TABLE destinations (
    destination text PRIMARY KEY,
    definition jsonb NOT NULL,
    revision uuid NOT NULL,
    set_at timestamptz NOT NULL
  )`.execute(db);
}
