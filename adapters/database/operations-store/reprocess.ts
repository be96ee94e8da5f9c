import { sql } from 'kysely';

import type { OperatorRequest, ReprocessResult } from '../../../core/storage/operations-store.js';
import { isoTime } from '../../../core/time.js';
import type { Writing } from '../study-store/writing.js';
import { audit } from './audit.js';

export async function reprocess(
  writing: Writing,
  StudyInstanceUID: string,
  request: OperatorRequest,
): Promise<ReprocessResult> {
  const { trx } = writing;
  const study = await trx
    .selectFrom('studies')
    .select(['study_id', 'activity', 'assembled_activity'])
    .where('StudyInstanceUID', '=', StudyInstanceUID)
    .forUpdate()
    .executeTakeFirst();
  if (study === undefined) {
    return { kind: 'not-found' };
  }
  if (study.assembled_activity < study.activity) {
    return { kind: 'analysing' };
  }
  const studyId = study.study_id;
  const instances = await trx
    .selectFrom('instances')
    .select(['instance_id', 'purged_at'])
    .where('study_id', '=', studyId)
    .execute();
  if (instances.some((instance) => instance.purged_at !== null)) {
    return { kind: 'purged' };
  }
  await takeBackOutcomes(
    writing,
    studyId,
    instances.map(({ instance_id: id }) => id),
    request,
  );
  await audit(writing, {
    actor: request.actor,
    action: 'reprocess',
    subjectId: studyId,
    detail: { reason: request.reason, instances: instances.length },
  });
  return { kind: 'requested', studyId, instances: instances.length };
}

/** The images are as if just received; the study's next result carries the request. */
export async function takeBackOutcomes(
  { trx, now, addJobs }: Writing,
  studyId: string,
  instanceIds: readonly string[],
  { actor, reason }: OperatorRequest,
): Promise<void> {
  const study = await trx
    .updateTable('studies')
    .set({
      activity: sql`activity + 1`,
      last_activity_at: now,
      reprocessing: JSON.stringify({
        reason,
        requestedBy: actor,
        requestedAt: isoTime(now.getTime()),
      }),
    })
    .where('study_id', '=', studyId)
    .returning('requested_priority_rank')
    .executeTakeFirstOrThrow();
  await trx
    .updateTable('instances')
    .set({
      outcome: null,
      queued_at: null,
      infer_start_at: null,
      infer_end_at: null,
      inference_requested_at: now,
      reprocess_requested_at: now,
    })
    .where('instance_id', 'in', instanceIds)
    .execute();
  await addJobs(
    instanceIds.map((instanceId) => ({
      name: 'infer',
      payload: { instanceId },
      priorityRank: study.requested_priority_rank,
    })),
  );
}
