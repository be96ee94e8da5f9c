import type { Kysely } from 'kysely';
import { sql } from 'kysely';

/** Where results were sent at the last start: a closed destination is tried again once it has moved. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`CREATE TABLE destination_addresses (
    destination text PRIMARY KEY,
    fingerprint text NOT NULL
  )`.execute(db);
}
