import type { Selectable } from 'kysely';
import { z } from 'zod';

import type { DeliveryReceipt } from '../../../core/delivery/result-sink.js';
import type { DicomUid } from '../../../core/dicom/uid.js';
import { instanceOutcomeSchema } from '../../../core/results/outcome.js';
import type {
  StoredDelivery,
  StoredInstance,
  StoredStudy,
} from '../../../core/storage/study-store.js';
import type { Priority } from '../../../core/triage/priority.js';
import { PRIORITIES } from '../../../core/triage/priority.js';
import type { DatabaseSchema } from '../schema.js';

const reprocessingSchema = z.object({
  reason: z.string(),
  requestedBy: z.string(),
  requestedAt: z.string(),
});

/** Rows of the tables as the domain's values. */

export function toStudy(row: Selectable<DatabaseSchema['studies']>): StoredStudy {
  return {
    studyId: row.study_id,
    StudyInstanceUID: storedUid(row.StudyInstanceUID),
    requestedPriority: toPriority(row.requested_priority_rank),
    activity: row.activity,
    assembledActivity: row.assembled_activity,
    firstReceivedAtMs: row.first_received_at.getTime(),
    lastActivityAtMs: row.last_activity_at.getTime(),
    heldUntilMs: row.held_until?.getTime() ?? 0,
    reprocessing:
      row.reprocessing === null ? undefined : reprocessingSchema.parse(row.reprocessing),
    traceId: row.last_trace_id ?? undefined,
  };
}

export function toInstance(
  row: Selectable<DatabaseSchema['instances']>,
  StudyInstanceUID: string,
): StoredInstance {
  return {
    instanceId: row.instance_id,
    studyId: row.study_id,
    identity: {
      StudyInstanceUID: storedUid(StudyInstanceUID),
      SOPInstanceUID: storedUid(row.SOPInstanceUID),
      SOPClassUID: storedUid(row.SOPClassUID),
      SeriesInstanceUID: storedUid(row.SeriesInstanceUID),
      TransferSyntaxUID: storedUid(row.TransferSyntaxUID),
    },
    sha256: row.sha256,
    objectKey: row.object_key,
    receivedAtMs: row.received_at.getTime(),
    askedForAtMs: (row.reprocess_requested_at ?? row.received_at).getTime(),
    queuedAtMs: row.queued_at?.getTime(),
    inferStartAtMs: row.infer_start_at?.getTime(),
    inferEndAtMs: row.infer_end_at?.getTime(),
    outcome: row.outcome === null ? undefined : instanceOutcomeSchema.parse(row.outcome),
    purgedAtMs: row.purged_at?.getTime(),
    traceId: row.trace_id ?? undefined,
  };
}

export function toDelivery(row: Selectable<DatabaseSchema['deliveries']>): StoredDelivery {
  return {
    deliveryId: row.delivery_id,
    studyId: row.study_id,
    resultVersion: row.result_version,
    destination: row.destination,
    state: row.state,
    attempts: row.attempts,
    lastError: row.last_error ?? undefined,
    createdAtMs: row.created_at.getTime(),
    nextAttemptAtMs: row.next_attempt_at?.getTime(),
    deliveredAtMs: row.delivered_at?.getTime(),
    receipt: row.receipt === null ? undefined : (row.receipt as DeliveryReceipt),
    failedDeliveryId: row.failed_delivery_id ?? undefined,
    traceId: row.trace_id ?? undefined,
  };
}

/** The inverse of `priorityRank`. */
export function toPriority(rank: number): Priority {
  const priority = PRIORITIES[rank - 1];
  if (priority === undefined) {
    throw new RangeError(`no priority has rank ${rank}`);
  }
  return priority;
}

/** UIDs were parsed before they were stored. */
export function storedUid(text: string): DicomUid {
  return text as DicomUid;
}
