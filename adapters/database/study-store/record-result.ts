import { sql } from 'kysely';

import type { StudyResult } from '../../../core/results/study-result.js';
import type { DeliveryRoute } from '../../../core/storage/study-store.js';
import { priorityRank } from '../../../core/triage/priority.js';
import type { HandedOn, Writer, Writing } from './writing.js';

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
  writer: Writer,
  studyId: string,
  result: StudyResult,
  coversActivity: number,
  routes: readonly DeliveryRoute[],
): Promise<boolean> {
  const { resultVersion, triage } = result;
  const rank = priorityRank(triage.priority);
  const reprocessed = result.revision?.cause === 'reprocessing';
  const places = routes.map(({ destination, order, onlyIfToldBefore }) => ({
    destination,
    place: order,
    only_if_told_before: onlyIfToldBefore,
  }));
  const row = await writer.atOnce(
    'deliver',
    // An attempt that ends at this moment holds its delivery's row and waits for the study's, which we hold:
    // rows that are held are left to arrive.
    ({ now, handOn, handed }) => sql<HandedOn>`
      WITH study AS (
        UPDATE studies SET result_version = ${resultVersion}, priority_rank = ${rank},
          flagged = ${triage.flagged},
          assembled_activity = greatest(assembled_activity, ${coversActivity}),
          reprocessing = CASE WHEN ${reprocessed}::boolean THEN NULL ELSE reprocessing END
        WHERE study_id = ${studyId} AND (result_version IS NULL OR result_version < ${resultVersion})
        RETURNING study_id, last_trace_id),
      stored AS (
        INSERT INTO results (study_id, result_version, covers_activity, recorded_at, result)
        SELECT study_id, ${resultVersion}::integer, ${coversActivity}::integer, ${now}::timestamptz,
          ${JSON.stringify(result)}::jsonb
        FROM study),
      wanted AS (
        SELECT destination, place, study_id, last_trace_id
        FROM study, jsonb_to_recordset(${JSON.stringify(places)}::jsonb)
          AS route (destination text, place integer, only_if_told_before boolean)
        WHERE NOT only_if_told_before OR EXISTS (
          SELECT FROM deliveries AS earlier
          WHERE earlier.study_id = study.study_id AND earlier.destination = route.destination
            AND failed_delivery_id IS NULL)),
      superseded AS (
        UPDATE deliveries SET state = 'superseded', next_attempt_at = NULL, dead_at = NULL
        WHERE delivery_id IN (
          SELECT delivery_id FROM deliveries
          WHERE study_id = ${studyId} AND result_version < ${resultVersion}
            AND EXISTS (SELECT FROM wanted)
            AND (state IN ('waiting', 'pending')
              OR state = 'dead' AND destination IN (SELECT destination FROM wanted))
            AND failed_delivery_id IS NULL
          FOR UPDATE SKIP LOCKED)),
      delivery AS (
        INSERT INTO deliveries (study_id, result_version, destination, place, state, trace_id, created_at,
          next_attempt_at, delivery_requested_at)
        SELECT study_id, ${resultVersion}::integer, destination, place,
          CASE WHEN is_first THEN 'pending' ELSE 'waiting' END, last_trace_id, ${now}::timestamptz,
          CASE WHEN is_first THEN ${now}::timestamptz END, ${now}::timestamptz
        FROM (SELECT wanted.*, place = min(place) OVER () AS is_first FROM wanted) AS placed
        RETURNING delivery_id, state, trace_id),
      ${handOn(sql`
        SELECT 'deliver', jsonb_build_object('deliveryId', delivery_id), ${rank}::integer,
          NULL::timestamptz, trace_id
        FROM delivery WHERE state = 'pending'`)}
      SELECT ${handed} AS handed FROM study`,
  );
  return row !== undefined;
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
