import { sql } from 'kysely';

import type { InstanceOutcome } from '../../../core/results/outcome.js';
import type { InferenceTimes } from '../../../core/storage/study-store.js';
import type { Writing } from './writing.js';

export async function recordOutcome(
  { trx, now, addJobs }: Writing,
  instanceId: string,
  outcome: InstanceOutcome,
  times: InferenceTimes,
  quietMs: number,
): Promise<boolean> {
  const study = await trx
    .with('finished', (cte) =>
      cte
        .updateTable('instances')
        .set({
          outcome: JSON.stringify(outcome),
          infer_start_at: new Date(times.inferStartAtMs),
          infer_end_at: new Date(times.inferEndAtMs),
        })
        .where('instance_id', '=', instanceId)
        .where('outcome', 'is', null)
        .returning('study_id'),
    )
    .updateTable('studies')
    .from('finished')
    .set({ activity: sql`activity + 1`, last_activity_at: now, assembly_requested_at: now })
    .whereRef('studies.study_id', '=', 'finished.study_id')
    .returning([
      'studies.study_id',
      'activity',
      'requested_priority_rank',
      sql<Date>`(SELECT max(received_at) FROM instances WHERE study_id = studies.study_id)`.as(
        'last_received_at',
      ),
    ])
    .executeTakeFirst();
  if (study === undefined) {
    return false;
  }
  await addJobs([
    {
      name: 'assemble',
      payload: { studyId: study.study_id, activity: study.activity },
      priorityRank: study.requested_priority_rank,
      // The clock of the process that received it may be ahead of ours.
      notBeforeMs: Math.min(study.last_received_at.getTime(), now.getTime()) + quietMs,
    },
  ]);
  return true;
}
