import type { Kysely } from 'kysely';
import { sql } from 'kysely';

/** What is counted of the requests for storage commitment: those without a report, which should be few. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`CREATE INDEX sent_commitments_unreported ON sent_commitments (requested_at)
    WHERE report IS NULL`.execute(db);
}
