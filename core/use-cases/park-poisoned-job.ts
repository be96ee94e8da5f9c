import type { PoisonedJob } from '../jobs/job-queue.js';
import type { OperationsStore } from '../storage/operations-store.js';

/** Keeps a poisoned job with its error where a person finds it. */
export async function parkPoisonedJob(
  operations: Pick<OperationsStore, 'parkJob'>,
  { name, payload, error, attempts }: PoisonedJob,
): Promise<void> {
  const subjectId =
    'instanceId' in payload
      ? payload.instanceId
      : 'studyId' in payload
        ? payload.studyId
        : payload.deliveryId;
  // The message of an unknown error may quote a patient's data; that of one of ours is fit to be read.
  const text = error.cause === undefined ? `${error.code}: ${error.message}` : error.code;
  await operations.parkJob({ name, subjectId, error: text, attempts });
}
