import { sql } from 'kysely';

import type { DeliveryAttempt } from '../../../core/storage/study-store.js';
import { assertNever } from '../../../core/errors.js';
import type { Writing } from './writing.js';

export async function recordDeliveryAttempt(
  { trx, now, addJobs }: Writing,
  deliveryId: string,
  attempt: DeliveryAttempt,
): Promise<void> {
  const delivery = await trx
    .updateTable('deliveries')
    .from('studies')
    .set({ attempts: sql`attempts + 1`, ...changes(attempt, now) })
    .where('delivery_id', '=', deliveryId)
    .where('state', '=', 'pending')
    .whereRef('studies.study_id', '=', 'deliveries.study_id')
    .returning(sql<number>`coalesce(priority_rank, requested_priority_rank)`.as('rank'))
    .executeTakeFirst();
  if (delivery !== undefined && attempt.kind === 'retry') {
    await addJobs([
      {
        name: 'deliver',
        payload: { deliveryId },
        priorityRank: delivery.rank,
        notBeforeMs: attempt.nextAttemptAtMs,
      },
    ]);
  }
}

function changes(attempt: DeliveryAttempt, now: Date) {
  switch (attempt.kind) {
    case 'delivered':
      return {
        state: 'delivered' as const,
        delivered_at: new Date(attempt.atMs),
        next_attempt_at: null,
        last_error: null,
      };
    case 'retry':
      return {
        last_error: attempt.error,
        next_attempt_at: new Date(attempt.nextAttemptAtMs),
        delivery_requested_at: now,
      };
    case 'dead':
      return { state: 'dead' as const, last_error: attempt.error, next_attempt_at: null };
    default:
      return assertNever(attempt);
  }
}
