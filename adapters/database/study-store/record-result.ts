import { sql } from 'kysely';

import type { StudyResult } from '../../../core/results/study-result.js';
import type { DeliveryRoute } from '../../../core/storage/study-store.js';
import { priorityRank } from '../../../core/triage/priority.js';
import type { Writing } from './writing.js';

export async function requestAssembly(
  { trx, now, addJobs }: Writing,
  studyId: string,
  notBeforeMs: number,
): Promise<void> {
  const study = await trx
    .updateTable('studies')
    .set({ assembly_requested_at: now })
    .where('study_id', '=', studyId)
    .whereRef('activity', '>', 'assembled_activity')
    .returning(['activity', 'requested_priority_rank'])
    .executeTakeFirst();
  if (study !== undefined) {
    const payload = { studyId, activity: study.activity };
    await addJobs([
      { name: 'assemble', payload, priorityRank: study.requested_priority_rank, notBeforeMs },
    ]);
  }
}

export async function recordResult(
  writing: Writing,
  studyId: string,
  result: StudyResult,
  coversActivity: number,
  routes: readonly DeliveryRoute[],
): Promise<boolean> {
  const { trx, now } = writing;
  const { resultVersion, triage } = result;
  const rank = priorityRank(triage.priority);
  const study = await trx
    .updateTable('studies')
    .set({
      result_version: resultVersion,
      priority_rank: rank,
      flagged: triage.flagged,
      assembled_activity: sql`greatest(assembled_activity, ${coversActivity})`,
      ...(result.revision?.cause === 'reprocessing' && { reprocessing: null }),
    })
    .where('study_id', '=', studyId)
    .where((eb) =>
      eb.or([eb('result_version', 'is', null), eb('result_version', '<', resultVersion)]),
    )
    .returning(['study_id', 'last_trace_id'])
    .executeTakeFirst();
  if (study === undefined) {
    return false;
  }
  await trx
    .insertInto('results')
    .values({
      study_id: studyId,
      result_version: resultVersion,
      covers_activity: coversActivity,
      recorded_at: now,
      result: JSON.stringify(result),
    })
    .execute();
  await addDeliveries(writing, studyId, resultVersion, rank, study.last_trace_id, routes);
  return true;
}

async function addDeliveries(
  { trx, now, addJobs }: Writing,
  studyId: string,
  resultVersion: number,
  rank: number,
  traceId: string | null,
  routes: readonly DeliveryRoute[],
): Promise<void> {
  if (routes.length === 0) {
    return;
  }
  const earlier = await sql<{ destination: string }>`
    SELECT DISTINCT destination FROM deliveries
    WHERE study_id = ${studyId} AND failed_delivery_id IS NULL`.execute(trx);
  const toldBefore = new Set(earlier.rows.map(({ destination }) => destination));
  const wanted = routes.filter(
    ({ destination, onlyIfToldBefore }) => !onlyIfToldBefore || toldBefore.has(destination),
  );
  if (wanted.length === 0) {
    return;
  }
  // An attempt that ends at this moment holds its delivery's row and waits for the study's, which we hold:
  // rows that are held are left to arrive.
  await sql`
    UPDATE deliveries SET state = 'superseded', next_attempt_at = NULL, dead_at = NULL
    WHERE delivery_id IN (
      SELECT delivery_id FROM deliveries
      WHERE study_id = ${studyId} AND result_version < ${resultVersion}
        AND (state IN ('waiting', 'pending')
          OR state = 'dead' AND destination = ANY(${wanted.map(({ destination }) => destination)}))
        AND failed_delivery_id IS NULL
      FOR UPDATE SKIP LOCKED)`.execute(trx);
  const first = Math.min(...wanted.map(({ order }) => order));
  const deliveries = await trx
    .insertInto('deliveries')
    .values(
      wanted.map(({ destination, order }) => ({
        study_id: studyId,
        result_version: resultVersion,
        destination,
        place: order,
        state: order === first ? ('pending' as const) : ('waiting' as const),
        trace_id: traceId,
        created_at: now,
        next_attempt_at: order === first ? now : null,
        delivery_requested_at: now,
      })),
    )
    .returning(['delivery_id', 'state'])
    .execute();
  await addJobs(
    deliveries
      .filter(({ state }) => state === 'pending')
      .map(({ delivery_id: deliveryId }) => ({
        name: 'deliver',
        payload: { deliveryId },
        priorityRank: rank,
      })),
  );
}

export async function coverActivity(
  { trx }: Writing,
  studyId: string,
  activity: number,
): Promise<void> {
  await trx
    .updateTable('studies')
    .set({ assembled_activity: sql`greatest(assembled_activity, ${activity})` })
    .where('study_id', '=', studyId)
    .execute();
}
