import { sql } from 'kysely';

import { DELIVERY_MACHINE } from '../../../core/states/machines.js';
import { statesBefore } from '../../../core/states/state-machine.js';
import type { DeliveryAttempt, DeliveryState } from '../../../core/storage/study-store.js';
import { assertNever } from '../../../core/errors.js';
import { settleCommitment } from './settle-commitment.js';
import type { HandedOn, Writer, Writing } from './writing.js';

export async function recordDeliveryAttempt(
  writer: Writer,
  deliveryId: string,
  attempt: DeliveryAttempt,
): Promise<void> {
  if (
    attempt.kind === 'delivered' &&
    attempt.receipt['commitment'] !== 'requested' &&
    (await recordLastDelivered(writer, deliveryId, attempt))
  ) {
    return;
  }
  await writer.transaction((writing) => recordAttempt(writing, deliveryId, attempt));
}

/**
 * Whether it could be written down so: nothing of its version waits for it (deliveries wait from their beginning).
 * Not for one whose report of storage commitment may have come.
 */
async function recordLastDelivered(
  writer: Writer,
  deliveryId: string,
  attempt: Extract<DeliveryAttempt, { readonly kind: 'delivered' }>,
): Promise<boolean> {
  const row = await writer.atOnce(
    'deliver',
    () => sql<HandedOn>`
      UPDATE deliveries SET attempts = attempts + 1, state = 'delivered',
        delivered_at = ${new Date(attempt.atMs)}, next_attempt_at = NULL, last_error = NULL,
        receipt = ${JSON.stringify(attempt.receipt)}::jsonb
      WHERE delivery_id = ${deliveryId}
        AND state = ANY(${statesFrom(attempt)}::text[])
        AND NOT EXISTS (
          SELECT FROM deliveries AS other
          WHERE other.study_id = deliveries.study_id
            AND other.result_version = deliveries.result_version AND other.state = 'waiting')
      RETURNING NULL AS handed`,
  );
  return row !== undefined;
}

async function recordAttempt(
  writing: Writing,
  deliveryId: string,
  attempt: DeliveryAttempt,
): Promise<void> {
  const { trx, now, addJobs } = writing;
  const delivery = await trx
    .updateTable('deliveries')
    .from('studies')
    .set({
      attempts: sql`attempts + ${attempt.kind === 'pause' ? 0 : 1}`,
      ...changes(attempt, now),
    })
    .where('delivery_id', '=', deliveryId)
    .where('state', 'in', statesFrom(attempt))
    .whereRef('studies.study_id', '=', 'deliveries.study_id')
    .returning([
      'deliveries.study_id',
      'deliveries.result_version',
      'deliveries.destination',
      sql<number>`coalesce(priority_rank, requested_priority_rank)`.as('rank'),
    ])
    .executeTakeFirst();
  if (delivery === undefined) {
    return;
  }
  const { study_id: studyId, result_version: resultVersion, rank } = delivery;
  if (attempt.kind === 'retry' || attempt.kind === 'pause') {
    await addJobs([
      {
        name: 'deliver',
        payload: { deliveryId },
        priorityRank: rank,
        notBeforeMs: attempt.nextAttemptAtMs,
      },
    ]);
    return;
  }
  if (attempt.kind === 'delivered') {
    // The report may have come between the sender's last look and now.
    await settleCommitment(writing, deliveryId);
  }
  if (attempt.kind === 'dead' && attempt.closes === true) {
    await trx
      .insertInto('closed_destinations')
      .values({ destination: delivery.destination, closed_at: now })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }
  const told =
    attempt.kind === 'dead' && attempt.tell.length > 0
      ? await trx
          .insertInto('deliveries')
          .values(
            attempt.tell.map((destination) => ({
              study_id: studyId,
              result_version: resultVersion,
              destination,
              created_at: now,
              next_attempt_at: now,
              delivery_requested_at: now,
              failed_delivery_id: deliveryId,
            })),
          )
          // A replayed delivery may fail again.
          .onConflict((conflict) => conflict.doNothing())
          .returning('delivery_id')
          .execute()
      : [];
  const released = await releaseWaiting(writing, studyId, resultVersion);
  await addJobs(
    [...told, ...released].map(({ delivery_id }) => ({
      name: 'deliver',
      payload: { deliveryId: delivery_id },
      priorityRank: rank,
    })),
  );
}

/** Those of the lowest place that waits, once nothing of a lower place is on its way. */
async function releaseWaiting(
  { trx, now }: Writing,
  studyId: string,
  resultVersion: number,
): Promise<readonly { delivery_id: string }[]> {
  // Two deliveries that end at the same time would each see the other on its way: one after the other.
  await sql`SELECT FROM studies WHERE study_id = ${studyId} FOR UPDATE`.execute(trx);
  const { rows } = await sql<{ delivery_id: string }>`
    UPDATE deliveries SET state = 'pending', next_attempt_at = ${now}, delivery_requested_at = ${now}
    WHERE study_id = ${studyId} AND result_version = ${resultVersion} AND state = 'waiting'
      AND place = (
        SELECT min(place) FROM deliveries
        WHERE study_id = ${studyId} AND result_version = ${resultVersion}
          AND state IN ('waiting', 'pending') AND failed_delivery_id IS NULL)
    RETURNING delivery_id`.execute(trx);
  return rows;
}

/** A further attempt, or a pause before it, leaves a delivery in the state that it is in. */
function statesFrom({ kind }: DeliveryAttempt): readonly DeliveryState[] {
  return kind === 'retry' || kind === 'pause' ? ['pending'] : statesBefore(DELIVERY_MACHINE, kind);
}

function changes(attempt: DeliveryAttempt, now: Date) {
  switch (attempt.kind) {
    case 'delivered':
      return {
        state: 'delivered' as const,
        delivered_at: new Date(attempt.atMs),
        next_attempt_at: null,
        last_error: null,
        receipt: JSON.stringify(attempt.receipt),
      };
    case 'retry':
      return {
        last_error: attempt.error,
        next_attempt_at: new Date(attempt.nextAttemptAtMs),
        delivery_requested_at: now,
      };
    case 'pause':
      return { next_attempt_at: new Date(attempt.nextAttemptAtMs), delivery_requested_at: now };
    case 'dead':
      return {
        state: 'dead' as const,
        last_error: attempt.error,
        next_attempt_at: null,
        dead_at: now,
      };
    default:
      return assertNever(attempt);
  }
}
