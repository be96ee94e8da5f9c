import type { Kysely } from 'kysely';
import { sql } from 'kysely';
import pg from 'pg';

import type { NewInstance, RecordInstanceResult } from '../../../core/storage/study-store.js';
import { priorityRank } from '../../../core/triage/priority.js';
import type { DatabaseSchema } from '../schema.js';
import type { HandedOn, Writer } from './writing.js';

type Known = Exclude<RecordInstanceResult, { readonly kind: 'stored' }>;

/** A unique index has refused a row (SQLSTATE 23505). */
const UNIQUE_VIOLATION = '23505';

export async function recordInstance(
  db: Kysely<DatabaseSchema>,
  writer: Writer,
  instance: NewInstance,
): Promise<RecordInstanceResult> {
  for (;;) {
    const stored = await insertInstance(writer, instance);
    if (stored !== undefined) {
      return stored;
    }
    const known = await findKnown(db, instance);
    if (known?.kind === 'duplicate') {
      await keepAgain(db, known.instanceId, instance.receivedAtMs);
    }
    if (known !== undefined) {
      return known;
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

/** Undefined when an instance with this UID is stored already; then nothing was written. */
async function insertInstance(
  writer: Writer,
  { identity, ...instance }: NewInstance,
): Promise<RecordInstanceResult | undefined> {
  const receivedAt = new Date(instance.receivedAtMs);
  const traceId = instance.traceId ?? null;
  try {
    const row = await writer.atOnce(
      'infer',
      // The study's row is the lock under which its instances are counted.
      ({ handOn, handed, queuedAt }) => sql<HandedOn & { instance_id: string; study_id: string }>`
        WITH study AS (
          INSERT INTO studies ("StudyInstanceUID", requested_priority_rank, activity, instance_count,
            first_received_at, last_activity_at, last_trace_id)
          SELECT ${identity.StudyInstanceUID}, ${priorityRank(instance.requestedPriority)}::smallint, 1, 1,
            ${receivedAt}::timestamptz, ${receivedAt}::timestamptz, ${traceId}
          WHERE NOT EXISTS (
            SELECT FROM instances WHERE "SOPInstanceUID" = ${identity.SOPInstanceUID})
          ON CONFLICT ("StudyInstanceUID") DO UPDATE SET
            requested_priority_rank = least(studies.requested_priority_rank, excluded.requested_priority_rank),
            activity = studies.activity + 1,
            instance_count = studies.instance_count + 1,
            last_activity_at = greatest(studies.last_activity_at, excluded.last_activity_at),
            last_trace_id = excluded.last_trace_id
          RETURNING study_id, requested_priority_rank),
        instance AS (
          INSERT INTO instances (study_id, "SOPInstanceUID", "SOPClassUID", "SeriesInstanceUID",
            "TransferSyntaxUID", sha256, size_bytes, object_key, received_at, inference_requested_at,
            queued_at, trace_id)
          SELECT study_id, ${identity.SOPInstanceUID}, ${identity.SOPClassUID},
            ${identity.SeriesInstanceUID}, ${identity.TransferSyntaxUID}, ${instance.sha256},
            ${instance.sizeBytes}::bigint, ${instance.objectKey}, ${receivedAt}::timestamptz,
            ${receivedAt}::timestamptz, ${queuedAt}::timestamptz, ${traceId}
          FROM study
          RETURNING instance_id, study_id),
        ${handOn(sql`
          SELECT 'infer', jsonb_build_object('instanceId', instance_id), requested_priority_rank,
            NULL::timestamptz, ${traceId}
          FROM instance JOIN study USING (study_id)`)}
        SELECT instance_id, study_id, ${handed} AS handed FROM instance`,
    );
    return row && { kind: 'stored', instanceId: row.instance_id, studyId: row.study_id };
  } catch (error) {
    // Somebody else has stored one with this UID since our statement began: all of it was rolled back.
    if (error instanceof pg.DatabaseError && error.code === UNIQUE_VIOLATION) {
      return undefined;
    }
    throw error;
  }
}
