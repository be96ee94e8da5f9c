import type { Kysely } from 'kysely';
import { sql } from 'kysely';

/** Requests for storage commitment that we have sent, and their reports until the delivery has taken them. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) {
    await sql.raw(statement).execute(db);
  }
}

const STATEMENTS = [
  `CREATE TABLE sent_commitments (
    delivery_id uuid PRIMARY KEY REFERENCES deliveries ON DELETE CASCADE,
    "TransactionUID" text NOT NULL UNIQUE,
    requested_at timestamptz NOT NULL,
    report jsonb
  )`,
];
