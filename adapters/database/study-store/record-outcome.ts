import { sql } from 'kysely';

import type { InstanceOutcome } from '../../../core/results/outcome.js';
import type { InferenceTimes } from '../../../core/storage/study-store.js';
import type { HandedOn, Writer } from './writing.js';

export async function recordOutcome(
  writer: Writer,
  instanceId: string,
  outcome: InstanceOutcome,
  times: InferenceTimes,
  quietMs: number,
): Promise<boolean> {
  const row = await writer.atOnce(
    'assemble',
    // The clock of the process that received the last image may be ahead of ours.
    ({ now, handOn, handed }) => sql<HandedOn>`
      WITH finished AS (
        UPDATE instances SET outcome = ${JSON.stringify(outcome)}::jsonb,
          queued_at = least(queued_at, ${new Date(times.queuedAtMs)}::timestamptz),
          infer_start_at = ${new Date(times.inferStartAtMs)}, infer_end_at = ${new Date(times.inferEndAtMs)}
        WHERE instance_id = ${instanceId} AND outcome IS NULL
        RETURNING study_id),
      study AS (
        UPDATE studies SET activity = activity + 1, last_activity_at = ${now}, assembly_requested_at = ${now}
        FROM finished
        WHERE studies.study_id = finished.study_id
        RETURNING studies.study_id, activity, requested_priority_rank, last_trace_id,
          (SELECT max(received_at) FROM instances WHERE study_id = studies.study_id) AS last_received_at),
      ${handOn(sql`
        SELECT 'assemble', jsonb_build_object('studyId', study_id, 'activity', activity),
          requested_priority_rank,
          least(last_received_at, ${now}::timestamptz) + make_interval(secs => ${quietMs / 1000}), last_trace_id
        FROM study`)}
      SELECT ${handed} AS handed FROM study`,
  );
  return row !== undefined;
}
