import { sql } from 'kysely';

import type {
  DeadLetterKind,
  DeliveryReplay,
  OperatorRequest,
} from '../../../core/storage/operations-store.js';
import type { OutgoingJob, Writing } from '../study-store/writing.js';
import { audit } from './audit.js';
import { replayDelivery } from './deliveries.js';
import { takeBackOutcomes } from './reprocess.js';

/** An id is that of a delivery, of an instance or of a parked job: it can be only one of them. */
export async function replayDeadLetter(
  writing: Writing,
  id: string,
  request: OperatorRequest,
): Promise<boolean> {
  const kind =
    ((await replayDelivery(writing, id, ['dead'], request)) === 'replayed' && 'delivery') ||
    ((await replayInstance(writing, id, request)) && 'instance') ||
    ((await replayJob(writing, id)) && 'job');
  if (kind === false) {
    return false;
  }
  await auditReplay(writing, id, kind, request);
  return true;
}

/** Also of what the receiver has already: it may have lost it; and of what waits: it need not. */
export async function replayAnyDelivery(
  writing: Writing,
  deliveryId: string,
  request: OperatorRequest,
): Promise<DeliveryReplay> {
  const replay = await replayDelivery(
    writing,
    deliveryId,
    ['dead', 'delivered', 'pending'],
    request,
  );
  if (replay === 'replayed') {
    await auditReplay(writing, deliveryId, 'delivery', request);
  }
  return replay;
}

function auditReplay(
  writing: Writing,
  id: string,
  kind: DeadLetterKind,
  { actor, reason }: OperatorRequest,
): Promise<void> {
  return audit(writing, { actor, action: 'replay', subjectId: id, detail: { kind, reason } });
}

async function replayInstance(
  writing: Writing,
  id: string,
  request: OperatorRequest,
): Promise<boolean> {
  const { rows } = await sql<{ study_id: string; purged_at: Date | null }>`
    SELECT studies.study_id, purged_at FROM studies JOIN instances USING (study_id)
    WHERE instance_id = ${id} AND outcome ->> 'reason' = 'processing-failed'
    FOR UPDATE OF studies`.execute(writing.trx);
  const [instance] = rows;
  if (instance === undefined || instance.purged_at !== null) {
    return false;
  }
  await takeBackOutcomes(writing, instance.study_id, [id], request);
  return true;
}

async function replayJob({ trx, addJobs }: Writing, id: string): Promise<boolean> {
  const parked = await trx
    .deleteFrom('parked_jobs')
    .where('parked_job_id', '=', id)
    .returning(['name', 'subject_id'])
    .executeTakeFirst();
  if (parked === undefined) {
    return false;
  }
  const { name, subject_id: subjectId } = parked;
  const { rows } = await sql<{ activity: number; rank: number }>`
    SELECT activity, requested_priority_rank AS rank FROM studies WHERE study_id IN (
      SELECT ${subjectId}::uuid
      UNION ALL SELECT study_id FROM instances WHERE instance_id = ${subjectId}
      UNION ALL SELECT study_id FROM deliveries WHERE delivery_id = ${subjectId})`.execute(trx);
  const [study] = rows;
  if (study !== undefined) {
    const payloads: Readonly<Record<OutgoingJob['name'], OutgoingJob>> = {
      infer: { name: 'infer', payload: { instanceId: subjectId }, priorityRank: study.rank },
      assemble: {
        name: 'assemble',
        payload: { studyId: subjectId, activity: study.activity },
        priorityRank: study.rank,
      },
      deliver: { name: 'deliver', payload: { deliveryId: subjectId }, priorityRank: study.rank },
    };
    await addJobs([payloads[name]]);
  }
  return true;
}
