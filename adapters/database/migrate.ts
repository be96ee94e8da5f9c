import { Kysely, Migrator, PostgresDialect, sql } from 'kysely';
import type pg from 'pg';

import { querying } from './database-error.js';
import * as studies from './migrations/0001-studies.js';
import * as deliveryRoutes from './migrations/0002-delivery-routes.js';
import * as keysAndCommitment from './migrations/0003-keys-and-commitment.js';
import * as operations from './migrations/0004-operations.js';
import * as archives from './migrations/0005-archives.js';
import * as closedDestinations from './migrations/0006-closed-destinations.js';
import * as resultLookup from './migrations/0007-result-lookup.js';
import * as sentCommitments from './migrations/0008-sent-commitments.js';
import * as destinationAddresses from './migrations/0009-destination-addresses.js';
import * as unreportedCommitments from './migrations/0010-unreported-commitments.js';
import * as destinations from './migrations/0011-destinations.js';

/** In the order of their names. A migration that has been released is never changed. */
const MIGRATIONS = {
  '0001-studies': studies,
  '0002-delivery-routes': deliveryRoutes,
  '0003-keys-and-commitment': keysAndCommitment,
  '0004-operations': operations,
  '0005-archives': archives,
  '0006-closed-destinations': closedDestinations,
  '0007-result-lookup': resultLookup,
  '0008-sent-commitments': sentCommitments,
  '0009-destination-addresses': destinationAddresses,
  '0010-unreported-commitments': unreportedCommitments,
  '0011-destinations': destinations,
};

/** Any number: the advisory lock that processes which start at the same time queue at. */
const LOCK_KEY = 7_233_101;

/** Brings the tables up to date. Safe when several processes do it at once. */
export async function migrate(pool: pg.Pool): Promise<void> {
  const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) });
  await querying(() =>
    // Kysely's own lock comes too late: it makes the tables that it needs itself without one.
    db.connection().execute(async (connection) => {
      await sql`SELECT pg_advisory_lock(${LOCK_KEY})`.execute(connection);
      try {
        await sql`CREATE SCHEMA IF NOT EXISTS preread`.execute(connection);
        const provider = { getMigrations: () => Promise.resolve(MIGRATIONS) };
        const { error } = await new Migrator({ db, provider }).migrateToLatest();
        if (error !== undefined) {
          throw error instanceof Error ? error : new Error('migration failed', { cause: error });
        }
      } finally {
        await sql`SELECT pg_advisory_unlock(${LOCK_KEY})`.execute(connection);
      }
    }),
  );
}
