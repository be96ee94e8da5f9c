import type { Kysely } from 'kysely';
import { sql } from 'kysely';

/** Keys of the HTTP interface, and requests for storage commitment whose report is owed. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) {
    await sql.raw(statement).execute(db);
  }
}

const STATEMENTS = [
  `CREATE TABLE api_keys (
    key_id text PRIMARY KEY,
    name text NOT NULL,
    scopes text NOT NULL,
    secret_sha256 text NOT NULL,
    created_at timestamptz NOT NULL,
    last_used_at timestamptz,
    revoked_at timestamptz
  )`,

  `CREATE TABLE commitment_requests (
    request_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    peer text NOT NULL,
    "TransactionUID" text NOT NULL,
    referenced jsonb NOT NULL,
    requested_at timestamptz NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL
  )`,
  `CREATE INDEX commitment_requests_due ON commitment_requests (next_attempt_at)`,
];
