import { Kysely, PostgresDialect, sql } from 'kysely';
import type pg from 'pg';

import type { CommitmentStore } from '../../core/storage/commitment-store.js';
import type { Clock } from '../../core/time.js';
import { querying } from './database-error.js';
import type { DatabaseSchema } from './schema.js';

/** The commitment store on a database that `openDatabase` has opened, whose owner closes it. */
export function createCommitmentStore(deps: {
  readonly pool: pg.Pool;
  readonly clock: Clock;
}): CommitmentStore {
  const db = new Kysely<DatabaseSchema>({ dialect: new PostgresDialect({ pool: deps.pool }) });
  return {
    add: (order) =>
      querying(async () => {
        const now = new Date(deps.clock());
        await db
          .insertInto('commitment_requests')
          .values({
            peer: order.peer,
            TransactionUID: order.TransactionUID,
            referenced: JSON.stringify(order.referenced),
            requested_at: now,
            next_attempt_at: now,
          })
          .execute();
      }),

    claimDue: (limit, delayMs) =>
      querying(() =>
        db.transaction().execute(async (trx) => {
          const nowMs = deps.clock();
          const rows = await trx
            .selectFrom('commitment_requests')
            .selectAll()
            .where('next_attempt_at', '<=', new Date(nowMs))
            .orderBy('next_attempt_at')
            .limit(limit)
            .forUpdate()
            .skipLocked()
            .execute();
          const due = rows.map((row) => ({
            requestId: row.request_id,
            peer: row.peer,
            TransactionUID: row.TransactionUID,
            referenced: row.referenced,
            attempts: row.attempts + 1,
            requestedAtMs: row.requested_at.getTime(),
          }));
          for (const { requestId, attempts } of due) {
            await trx
              .updateTable('commitment_requests')
              .set({ attempts, next_attempt_at: new Date(nowMs + delayMs(attempts)) })
              .where('request_id', '=', requestId)
              .execute();
          }
          return due;
        }),
      ),

    settle: (requestId) =>
      querying(async () => {
        await db.deleteFrom('commitment_requests').where('request_id', '=', requestId).execute();
      }),

    findHeld: (SOPInstanceUIDs) =>
      querying(async () => {
        const rows = await db
          .selectFrom('instances')
          .select(['SOPInstanceUID', 'SOPClassUID', 'object_key'])
          .where('SOPInstanceUID', '=', sql<string>`any(${[...SOPInstanceUIDs]}::text[])`)
          .execute();
        return new Map(
          rows.map((row) => [
            row.SOPInstanceUID,
            { SOPClassUID: row.SOPClassUID, objectKey: row.object_key },
          ]),
        );
      }),
  };
}
