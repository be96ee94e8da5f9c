import type { Kysely } from 'kysely';
import { sql } from 'kysely';

import type {
  ClosedDestination,
  DeliveryQuery,
  DeliveryReplay,
  ListedDelivery,
  OperatorRequest,
} from '../../../core/storage/operations-store.js';
import type { DeliveryState } from '../../../core/storage/study-store.js';
import type { DatabaseSchema } from '../schema.js';
import { decodeCursor, takePage } from '../study-store/cursor.js';
import { toDelivery } from '../study-store/rows.js';
import type { Writing } from '../study-store/writing.js';
import { audit } from './audit.js';

type Db = Kysely<DatabaseSchema>;

/** Newest first. The cursor is the place of a page's last delivery in that order. */
export async function listDeliveries(
  db: Db,
  { limit, cursor, state, destination, StudyInstanceUID }: DeliveryQuery,
): Promise<{
  deliveries: readonly ListedDelivery[];
  nextCursor: string | undefined;
}> {
  let query = withStudy(db);
  if (cursor !== undefined) {
    const { atMs, id } = decodeCursor(cursor);
    query = query.where(sql<boolean>`(created_at, delivery_id) < (${new Date(atMs)}, ${id})`);
  }
  if (state !== undefined) {
    query = query.where('state', '=', state);
  }
  if (destination !== undefined) {
    query = query.where('destination', '=', destination);
  }
  if (StudyInstanceUID !== undefined) {
    query = query.where('studies.StudyInstanceUID', '=', StudyInstanceUID);
  }
  const rows = await query
    .orderBy('created_at', 'desc')
    .orderBy('delivery_id', 'desc')
    .limit(limit + 1)
    .execute();
  const { page, nextCursor } = takePage(rows, limit, (row) => [row.created_at, row.delivery_id]);
  return { deliveries: page.map(toListed), nextCursor };
}

export async function findDelivery(
  db: Db,
  deliveryId: string,
): Promise<ListedDelivery | undefined> {
  const row = await withStudy(db).where('delivery_id', '=', deliveryId).executeTakeFirst();
  return row && toListed(row);
}

/**
 * The schedule of attempts begins anew; the idempotency key, which is the delivery's id, stays. A
 * destination that had said that it is gone is tried again.
 *
 * @param from one that waits for others is not replayed but released; a pending one only while it waits for the
 *   time of its next attempt
 */
export async function replayDelivery(
  writing: Writing,
  deliveryId: string,
  from: readonly DeliveryState[],
  request: OperatorRequest,
): Promise<DeliveryReplay> {
  const { trx, now, addJobs } = writing;
  const found = await trx
    .selectFrom('deliveries')
    .innerJoin('studies', 'studies.study_id', 'deliveries.study_id')
    .select([
      'state',
      'destination',
      sql<number>`coalesce(priority_rank, requested_priority_rank)`.as('rank'),
      // A receiver that has a newer version must not get the older one after it.
      sql<boolean>`failed_delivery_id IS NULL AND EXISTS (
        SELECT FROM deliveries AS newer
        WHERE newer.study_id = deliveries.study_id AND newer.destination = deliveries.destination
          AND newer.failed_delivery_id IS NULL
          AND newer.result_version > deliveries.result_version)`.as('outdated'),
    ])
    .where('delivery_id', '=', deliveryId)
    .forUpdate('studies')
    .executeTakeFirst();
  if (found === undefined) {
    return 'not-found';
  }
  if (found.outdated || found.state === 'superseded') {
    return 'outdated';
  }
  const { numUpdatedRows } = await trx
    .updateTable('deliveries')
    .set({
      state: 'pending',
      attempts: 0,
      next_attempt_at: now,
      delivery_requested_at: now,
      dead_at: null,
    })
    .where('delivery_id', '=', deliveryId)
    .where('state', 'in', from)
    .where((eb) => eb.or([eb('state', '!=', 'pending'), eb('next_attempt_at', '>', now)]))
    .executeTakeFirst();
  if (numUpdatedRows === 0n) {
    return 'on-its-way';
  }
  await openDestination(writing, found.destination, request);
  await addJobs([{ name: 'deliver', payload: { deliveryId }, priorityRank: found.rank }]);
  return 'replayed';
}

export async function listClosedDestinations(db: Db): Promise<readonly ClosedDestination[]> {
  const rows = await db
    .selectFrom('closed_destinations')
    .selectAll()
    .orderBy('destination')
    .execute();
  return rows.map(({ destination, closed_at }) => ({
    destination,
    closedAtMs: closed_at.getTime(),
  }));
}

/** False when it was not closed. */
export async function openDestination(
  writing: Writing,
  destination: string,
  { actor, reason }: OperatorRequest,
): Promise<boolean> {
  const { numDeletedRows } = await writing.trx
    .deleteFrom('closed_destinations')
    .where('destination', '=', destination)
    .executeTakeFirst();
  if (numDeletedRows === 0n) {
    return false;
  }
  await audit(writing, { actor, action: 'open-destination', detail: { destination, reason } });
  return true;
}

/** An address that is not known yet counts as another one. */
export async function openMovedDestinations(
  writing: Writing,
  fingerprints: ReadonlyMap<string, string>,
): Promise<void> {
  // In the order of names, so that processes which start together wait and do not lock each other out.
  for (const [destination, fingerprint] of [...fingerprints].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const moved = await writing.trx
      .insertInto('destination_addresses')
      .values({ destination, fingerprint })
      .onConflict((conflict) =>
        conflict
          .column('destination')
          .doUpdateSet({ fingerprint })
          .where('destination_addresses.fingerprint', '!=', fingerprint),
      )
      .returning('destination')
      .executeTakeFirst();
    if (moved !== undefined) {
      await openDestination(writing, destination, {
        actor: 'system',
        reason: 'its address changed',
      });
    }
  }
}

function withStudy(db: Db) {
  return db
    .selectFrom('deliveries')
    .innerJoin('studies', 'studies.study_id', 'deliveries.study_id')
    .selectAll('deliveries')
    .select('studies.StudyInstanceUID');
}

type ListedRow = Awaited<ReturnType<ReturnType<typeof withStudy>['executeTakeFirstOrThrow']>>;

function toListed({ StudyInstanceUID, ...row }: ListedRow): ListedDelivery {
  return { ...toDelivery(row), StudyInstanceUID };
}
