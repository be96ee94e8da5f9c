import { DIMSE_STATUS } from '../dimse/command-set.js';
import type {
  CommitmentReport,
  FailedObject,
  ReferencedObject,
} from '../dimse/storage-commitment.js';
import { ERRORS } from '../errors.js';
import type { CommitmentOrder, CommitmentStore } from '../storage/commitment-store.js';

/**
 * What we can commit to: objects of the database whose file is there.
 * @param hasFile whether an object's file exists
 */
export async function reportCommitment(
  deps: {
    readonly commitments: Pick<CommitmentStore, 'findHeld'>;
    readonly hasFile: (objectKey: string) => Promise<boolean>;
  },
  { TransactionUID, referenced }: Pick<CommitmentOrder, 'TransactionUID' | 'referenced'>,
): Promise<CommitmentReport> {
  const held = await deps.commitments.findHeld(
    referenced.map(({ ReferencedSOPInstanceUID }) => ReferencedSOPInstanceUID),
  );
  const committed: ReferencedObject[] = [];
  const failed: FailedObject[] = [];
  for (const object of referenced) {
    const found = held.get(object.ReferencedSOPInstanceUID);
    const FailureReason =
      found === undefined
        ? DIMSE_STATUS.noSuchObjectInstance
        : found.SOPClassUID !== object.ReferencedSOPClassUID
          ? DIMSE_STATUS.classInstanceConflict
          : (await deps.hasFile(found.objectKey))
            ? undefined
            : ERRORS.internal.failureReason;
    if (FailureReason === undefined) {
      committed.push(object);
    } else {
      failed.push({ ...object, FailureReason });
    }
  }
  return { TransactionUID, committed, failed };
}
