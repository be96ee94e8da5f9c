import type { Kysely } from 'kysely';
import { sql } from 'kysely';

/** Deliveries in the order of their destinations, with receipts, and messages about failed ones. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) {
    await sql.raw(statement).execute(db);
  }
}

const STATEMENTS = [
  `ALTER TABLE deliveries
    DROP CONSTRAINT deliveries_state_check,
    ADD CONSTRAINT deliveries_state_check
      CHECK (state IN ('waiting', 'pending', 'delivered', 'dead', 'superseded')),
    DROP CONSTRAINT deliveries_study_id_result_version_destination_key,
    ADD COLUMN place smallint NOT NULL DEFAULT 0,
    ADD COLUMN receipt jsonb,
    ADD COLUMN failed_delivery_id uuid REFERENCES deliveries ON DELETE CASCADE`,
  `CREATE UNIQUE INDEX deliveries_of_result ON deliveries (study_id, result_version, destination)
    WHERE failed_delivery_id IS NULL`,
  `CREATE UNIQUE INDEX deliveries_of_failure ON deliveries (failed_delivery_id, destination)
    WHERE failed_delivery_id IS NOT NULL`,
  `CREATE INDEX deliveries_by_age ON deliveries (created_at DESC, delivery_id DESC)`,
];
