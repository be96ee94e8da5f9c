import { sql } from 'kysely';

import type { StudyResult } from '../../../core/results/study-result.js';
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
  { trx, now, addJobs }: Writing,
  studyId: string,
  result: StudyResult,
  coversActivity: number,
  destinations: readonly string[],
): Promise<boolean> {
  const { resultVersion, triage } = result;
  const rank = priorityRank(triage.priority);
  const study = await trx
    .updateTable('studies')
    .set({
      result_version: resultVersion,
      priority_rank: rank,
      flagged: triage.flagged,
      assembled_activity: sql`greatest(assembled_activity, ${coversActivity})`,
    })
    .where('study_id', '=', studyId)
    .where((eb) =>
      eb.or([eb('result_version', 'is', null), eb('result_version', '<', resultVersion)]),
    )
    .returning('study_id')
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
  if (destinations.length > 0) {
    const deliveries = await trx
      .insertInto('deliveries')
      .values(
        destinations.map((destination) => ({
          study_id: studyId,
          result_version: resultVersion,
          destination,
          created_at: now,
          next_attempt_at: now,
          delivery_requested_at: now,
        })),
      )
      .returning('delivery_id')
      .execute();
    await addJobs(
      deliveries.map(({ delivery_id: deliveryId }) => ({
        name: 'deliver',
        payload: { deliveryId },
        priorityRank: rank,
      })),
    );
  }
  return true;
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
