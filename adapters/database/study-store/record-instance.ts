import type { Kysely } from 'kysely';
import { sql } from 'kysely';

import type { NewInstance, RecordInstanceResult } from '../../../core/storage/study-store.js';
import { priorityRank } from '../../../core/triage/priority.js';
import type { DatabaseSchema } from '../schema.js';
import type { Write, Writing } from './writing.js';

type Known = Exclude<RecordInstanceResult, { readonly kind: 'stored' }>;

/** Rolls the transaction back: somebody else has just stored an instance with this UID. */
class StoredMeanwhile extends Error {}

export async function recordInstance(
  db: Kysely<DatabaseSchema>,
  write: Write,
  instance: NewInstance,
): Promise<RecordInstanceResult> {
  for (;;) {
    const known = await findKnown(db, instance);
    if (known?.kind === 'duplicate') {
      await keepAgain(db, known.instanceId, instance.receivedAtMs);
    }
    if (known !== undefined) {
      return known;
    }
    try {
      return await write((writing) => insertInstance(writing, instance));
    } catch (error) {
      if (!(error instanceof StoredMeanwhile)) {
        throw error;
      }
    }
  }
}

async function findKnown(
  db: Kysely<DatabaseSchema>,
  { identity, sha256 }: NewInstance,
): Promise<Known | undefined> {
  const row = await db
    .selectFrom('instances')
    .innerJoin('studies', 'studies.study_id', 'instances.study_id')
    .select(['instance_id', 'instances.study_id', 'sha256', 'StudyInstanceUID'])
    .where('SOPInstanceUID', '=', identity.SOPInstanceUID)
    .executeTakeFirst();
  if (row === undefined) {
    return undefined;
  }
  return row.sha256 === sha256 && row.StudyInstanceUID === identity.StudyInstanceUID
    ? { kind: 'duplicate', instanceId: row.instance_id, studyId: row.study_id }
    : { kind: 'conflict', instanceId: row.instance_id };
}

/** The bytes of an instance that was purged are there again: the retention rules begin anew. */
async function keepAgain(
  db: Kysely<DatabaseSchema>,
  instanceId: string,
  nowMs: number,
): Promise<void> {
  await db
    .updateTable('instances')
    .set({ purged_at: null, stored_again_at: new Date(nowMs) })
    .where('instance_id', '=', instanceId)
    .where('purged_at', 'is not', null)
    .execute();
}

async function insertInstance(
  { trx, addJobs }: Writing,
  instance: NewInstance,
): Promise<RecordInstanceResult> {
  const { identity } = instance;
  const receivedAt = new Date(instance.receivedAtMs);
  // The study's row is the lock under which its instances are counted.
  const study = await trx
    .insertInto('studies')
    .values({
      StudyInstanceUID: identity.StudyInstanceUID,
      requested_priority_rank: priorityRank(instance.requestedPriority),
      activity: 1,
      instance_count: 1,
      first_received_at: receivedAt,
      last_activity_at: receivedAt,
      last_trace_id: instance.traceId ?? null,
    })
    .onConflict((conflict) =>
      conflict.column('StudyInstanceUID').doUpdateSet({
        requested_priority_rank: sql`least(studies.requested_priority_rank, excluded.requested_priority_rank)`,
        activity: sql`studies.activity + 1`,
        instance_count: sql`studies.instance_count + 1`,
        last_activity_at: sql`greatest(studies.last_activity_at, excluded.last_activity_at)`,
        last_trace_id: sql`excluded.last_trace_id`,
      }),
    )
    .returning(['study_id', 'requested_priority_rank'])
    .executeTakeFirstOrThrow();

  const inserted = await trx
    .insertInto('instances')
    .values({
      study_id: study.study_id,
      SOPInstanceUID: identity.SOPInstanceUID,
      SOPClassUID: identity.SOPClassUID,
      SeriesInstanceUID: identity.SeriesInstanceUID,
      TransferSyntaxUID: identity.TransferSyntaxUID,
      sha256: instance.sha256,
      size_bytes: instance.sizeBytes,
      object_key: instance.objectKey,
      received_at: receivedAt,
      inference_requested_at: receivedAt,
      trace_id: instance.traceId ?? null,
    })
    .onConflict((conflict) => conflict.column('SOPInstanceUID').doNothing())
    .returning('instance_id')
    .executeTakeFirst();
  if (inserted === undefined) {
    throw new StoredMeanwhile();
  }

  await addJobs([
    {
      name: 'infer',
      payload: { instanceId: inserted.instance_id },
      priorityRank: study.requested_priority_rank,
    },
  ]);
  return { kind: 'stored', instanceId: inserted.instance_id, studyId: study.study_id };
}
