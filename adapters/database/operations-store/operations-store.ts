import { Kysely, PostgresDialect, sql } from 'kysely';
import type pg from 'pg';

import type { OperationsStore } from '../../../core/storage/operations-store.js';
import type { Clock } from '../../../core/time.js';
import { querying } from '../database-error.js';
import type { DatabaseSchema } from '../schema.js';
import type { HandingOnOptions } from '../study-store/handing-on.js';
import { createWriter } from '../study-store/writing.js';
import { takeCensus } from './census.js';
import { findDeadLetter, listDeadLetters } from './dead-letters.js';
import {
  findDelivery,
  listClosedDestinations,
  listDeliveries,
  openDestination,
  openMovedDestinations,
} from './deliveries.js';
import { parkJob } from './park-job.js';
import { purge } from './purge.js';
import { replayDeadLetter, replayAnyDelivery } from './replay-dead-letter.js';
import { reprocess } from './reprocess.js';

/**
 * The operations store on a database that `openDatabase` has opened, whose owner closes it.
 *
 * Locks are taken on the study before its instances: that is the other way round than in the study
 * store, and safe because only instances that have their outcome are locked here and only such as have
 * none are there.
 */
export function createOperationsStore(
  deps: { readonly pool: pg.Pool; readonly clock: Clock },
  options: HandingOnOptions,
): OperationsStore {
  const db = new Kysely<DatabaseSchema>({ dialect: new PostgresDialect({ pool: deps.pool }) });
  const writer = createWriter(db, deps.clock, options);
  return {
    reprocess: (...args) => querying(() => writer.transaction((w) => reprocess(w, ...args))),
    parkJob: (job) => querying(() => writer.transaction((w) => parkJob(w, job))),
    listDeadLetters: (query) => querying(() => listDeadLetters(db, query)),
    findDeadLetter: (id) => querying(() => findDeadLetter(db, id)),
    replayDeadLetter: (...args) =>
      querying(() => writer.transaction((w) => replayDeadLetter(w, ...args))),
    listDeliveries: (query) => querying(() => listDeliveries(db, query)),
    findDelivery: (deliveryId) => querying(() => findDelivery(db, deliveryId)),
    replayDelivery: (...args) =>
      querying(() => writer.transaction((w) => replayAnyDelivery(w, ...args))),
    closedDestinations: () => querying(() => listClosedDestinations(db)),
    openDestination: (...args) =>
      querying(() => writer.transaction((w) => openDestination(w, ...args))),
    openMovedDestinations: (fingerprints) =>
      querying(() => writer.transaction((w) => openMovedDestinations(w, fingerprints))),
    census: () => querying(() => takeCensus(db)),
    purge: (...args) => querying(() => writer.transaction((w) => purge(w, ...args))),
    purgedObjectKeys: (objectKeys) =>
      querying(async () => {
        const { rows } = await sql<{ key: string }>`
          SELECT key FROM unnest(${objectKeys}::text[]) AS key
          WHERE EXISTS (SELECT FROM instances WHERE object_key = key AND purged_at IS NOT NULL)
            AND NOT EXISTS (SELECT FROM instances WHERE object_key = key AND purged_at IS NULL)
        `.execute(db);
        return rows.map(({ key }) => key);
      }),
  };
}
