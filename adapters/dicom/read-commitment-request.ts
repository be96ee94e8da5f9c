import type { DataSet } from 'dicom-parser';

import { parseUid } from '../../core/dicom/uid.js';
import { part10Header } from '../../core/dicom/part10-header.js';
import type { ReferencedObject } from '../../core/dimse/storage-commitment.js';
import {
  STORAGE_COMMITMENT_INSTANCE,
  STORAGE_COMMITMENT_PUSH,
} from '../../core/dimse/storage-commitment.js';
import { parseDataSet } from './data-set.js';

export interface CommitmentRequest {
  readonly TransactionUID: string;
  readonly referenced: readonly ReferencedObject[];
}

/**
 * The Action Information of a request for storage commitment (PS3.4 table J.3-1). Undefined without a valid
 * Transaction UID, without references, and when one of these lacks a UID.
 *
 * @throws PipelineError `dicom-unreadable`, `dicom-truncated`
 */
export function readCommitmentRequest(
  bytes: Uint8Array,
  TransferSyntaxUID: string,
): CommitmentRequest | undefined {
  const header = part10Header({
    SOPClassUID: STORAGE_COMMITMENT_PUSH,
    SOPInstanceUID: STORAGE_COMMITMENT_INSTANCE,
    TransferSyntaxUID,
  });
  const { dataSet } = parseDataSet(Buffer.concat([header, bytes]), true);
  const TransactionUID = parseUid(dataSet.string('x00081195'));
  const items = dataSet.elements['x00081199']?.items ?? [];
  const referenced = items.map(({ dataSet: item }) => item && referenceOf(item));
  const complete = referenced.filter((reference) => reference !== undefined);
  return TransactionUID === undefined || complete.length === 0 || complete.length < items.length
    ? undefined
    : { TransactionUID, referenced: complete };
}

function referenceOf(item: DataSet): ReferencedObject | undefined {
  const ReferencedSOPClassUID = parseUid(item.string('x00081150'));
  const ReferencedSOPInstanceUID = parseUid(item.string('x00081155'));
  return ReferencedSOPClassUID === undefined || ReferencedSOPInstanceUID === undefined
    ? undefined
    : { ReferencedSOPClassUID, ReferencedSOPInstanceUID };
}
