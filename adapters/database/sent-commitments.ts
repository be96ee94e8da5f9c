import { Kysely, PostgresDialect, sql } from 'kysely';
import type pg from 'pg';

import type { SentCommitments } from '../../core/storage/sent-commitments.js';
import type { Clock } from '../../core/time.js';
import { querying } from './database-error.js';
import type { DatabaseSchema } from './schema.js';
import { settleCommitment } from './study-store/settle-commitment.js';
import type { HandingOnOptions } from './study-store/handing-on.js';
import { createWriter } from './study-store/writing.js';

/** The requests that we have sent, on a database that `openDatabase` has opened, whose owner closes it. */
export function createSentCommitments(
  deps: { readonly pool: pg.Pool; readonly clock: Clock },
  options: HandingOnOptions,
): SentCommitments {
  const db = new Kysely<DatabaseSchema>({ dialect: new PostgresDialect({ pool: deps.pool }) });
  const writer = createWriter(db, deps.clock, options);
  return {
    open: (deliveryId, TransactionUID) =>
      querying(async () => {
        const request = { TransactionUID, requested_at: new Date(deps.clock()), report: null };
        await db
          .insertInto('sent_commitments')
          .values({ delivery_id: deliveryId, ...request })
          .onConflict((conflict) => conflict.column('delivery_id').doUpdateSet(request))
          .execute();
      }),

    report: (TransactionUID, report) =>
      querying(() =>
        writer.transaction(async (writing) => {
          const { trx } = writing;
          // The delivery is locked first, as by who records its end: one of the two sees the other's word.
          const delivery = await trx
            .selectFrom('deliveries')
            .select(['delivery_id', 'destination'])
            .where(
              'delivery_id',
              '=',
              sql<string>`(SELECT delivery_id FROM sent_commitments WHERE "TransactionUID" = ${TransactionUID})`,
            )
            .forUpdate()
            .executeTakeFirst();
          if (delivery === undefined) {
            return undefined;
          }
          const { numUpdatedRows } = await trx
            .updateTable('sent_commitments')
            .set({ report: JSON.stringify(report) })
            .where('TransactionUID', '=', TransactionUID)
            .executeTakeFirst();
          if (numUpdatedRows === 0n) {
            return undefined;
          }
          await settleCommitment(writing, delivery.delivery_id);
          return { deliveryId: delivery.delivery_id, destination: delivery.destination };
        }),
      ),

    take: (deliveryId) =>
      querying(async () => {
        const taken = await db
          .deleteFrom('sent_commitments')
          .where('delivery_id', '=', deliveryId)
          .where('report', 'is not', null)
          .returning('report')
          .executeTakeFirst();
        return taken?.report ?? undefined;
      }),
  };
}
