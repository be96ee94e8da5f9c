import { randomUUID } from 'node:crypto';

import { Kysely, PostgresDialect } from 'kysely';
import type pg from 'pg';

import { addressFingerprint } from '../../core/delivery/address-fingerprint.js';
import type { DestinationStore } from '../../core/storage/destination-store.js';
import type { Clock } from '../../core/time.js';
import { querying } from './database-error.js';
import { audit } from './operations-store/audit.js';
import { openMovedDestinations } from './operations-store/deliveries.js';
import type { DatabaseSchema } from './schema.js';
import type { HandingOnOptions } from './study-store/handing-on.js';
import { createWriter } from './study-store/writing.js';

/** The destinations of the API, on a database that `openDatabase` has opened, whose owner closes it. */
export function createDestinationStore(
  deps: { readonly pool: pg.Pool; readonly clock: Clock },
  options: HandingOnOptions,
): DestinationStore {
  const db = new Kysely<DatabaseSchema>({ dialect: new PostgresDialect({ pool: deps.pool }) });
  const writer = createWriter(db, deps.clock, options);
  return {
    list: () =>
      querying(async () => {
        const rows = await db
          .selectFrom('destinations')
          .selectAll()
          .orderBy('destination')
          .execute();
        return rows.map(({ destination, definition, revision, set_at }) => ({
          name: destination,
          definition,
          revision,
          setAtMs: set_at.getTime(),
        }));
      }),

    put: ({ destination, definition }, actor) =>
      querying(() =>
        writer.transaction(async (writing) => {
          const { trx, now } = writing;
          const { name, kind } = destination;
          const values = {
            definition: JSON.stringify(definition),
            revision: randomUUID(),
            set_at: now,
          };
          const replaced = await trx
            .updateTable('destinations')
            .set(values)
            .where('destination', '=', name)
            .returning('destination')
            .executeTakeFirst();
          if (replaced === undefined) {
            // Two that put the same new name at the same time: the later one replaces.
            await trx
              .insertInto('destinations')
              .values({ destination: name, ...values })
              .onConflict((conflict) => conflict.column('destination').doUpdateSet(values))
              .execute();
          }
          await openMovedDestinations(writing, new Map([[name, addressFingerprint(destination)]]));
          await audit(writing, {
            actor,
            action: 'set-destination',
            detail: { destination: name, kind },
          });
          return replaced === undefined ? ('created' as const) : ('replaced' as const);
        }),
      ),

    remove: (name, actor) =>
      querying(() =>
        writer.transaction(async (writing) => {
          const { numDeletedRows } = await writing.trx
            .deleteFrom('destinations')
            .where('destination', '=', name)
            .executeTakeFirst();
          if (numDeletedRows === 0n) {
            return false;
          }
          await audit(writing, {
            actor,
            action: 'remove-destination',
            detail: { destination: name },
          });
          return true;
        }),
      ),
  };
}
