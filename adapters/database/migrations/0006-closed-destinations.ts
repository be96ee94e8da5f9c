import type { Kysely } from 'kysely';
import { sql } from 'kysely';

/** Destinations that have said that they are gone: every process must know, and a person may end it. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) {
    await sql.raw(statement).execute(db);
  }
}

const STATEMENTS = [
  `CREATE TABLE closed_destinations (
    destination text PRIMARY KEY,
    closed_at timestamptz NOT NULL
  )`,
  `CREATE INDEX deliveries_by_time ON deliveries (created_at DESC, delivery_id DESC)`,
];
