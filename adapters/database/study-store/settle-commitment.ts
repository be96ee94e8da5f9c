import { sql } from 'kysely';

import type { Writing } from './writing.js';

/**
 * A delivery that counts as delivered while its request for storage commitment had no report, and the report: the receipt
 * says so, or the delivery is pending again. Nothing while either is missing, so both call it, each
 * with the delivery's row locked before.
 */
export async function settleCommitment(
  { trx, now, addJobs }: Writing,
  deliveryId: string,
): Promise<void> {
  const sent = await trx
    .selectFrom('sent_commitments')
    .select('report')
    .where('delivery_id', '=', deliveryId)
    .executeTakeFirst();
  if (sent?.report == null) {
    return;
  }
  const fails = sent.report.failedCount > 0;
  const settled = await trx
    .updateTable('deliveries')
    .from('studies')
    .set(
      fails
        ? { state: 'pending', next_attempt_at: now, delivery_requested_at: now }
        : { receipt: sql`receipt || '{"commitment":"committed"}'` },
    )
    .where('delivery_id', '=', deliveryId)
    .where('state', '=', 'delivered')
    .where(sql<boolean>`receipt ->> 'commitment' = 'requested'`)
    .whereRef('studies.study_id', '=', 'deliveries.study_id')
    .returning(sql<number>`coalesce(priority_rank, requested_priority_rank)`.as('rank'))
    .executeTakeFirst();
  if (settled !== undefined && fails) {
    await addJobs([{ name: 'deliver', payload: { deliveryId }, priorityRank: settled.rank }]);
  }
}
