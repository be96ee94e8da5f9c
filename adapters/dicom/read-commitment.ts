import type { DataSet } from 'dicom-parser';

import { parseUid } from '../../core/dicom/uid.js';
import { part10Header } from '../../core/dicom/part10-header.js';
import type {
  CommitmentReport,
  FailedObject,
  ReferencedObject,
} from '../../core/dimse/storage-commitment.js';
import {
  STORAGE_COMMITMENT_INSTANCE,
  STORAGE_COMMITMENT_PUSH,
} from '../../core/dimse/storage-commitment.js';
import { ERRORS } from '../../core/errors.js';
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
  const dataSet = parseInformation(bytes, TransferSyntaxUID);
  const TransactionUID = parseUid(dataSet.string('x00081195'));
  const referenced = readItems(dataSet, 'x00081199', referenceOf);
  return TransactionUID === undefined || referenced === undefined || referenced.length === 0
    ? undefined
    : { TransactionUID, referenced };
}

/**
 * The Event Information of a report (PS3.4 table J.3-2). Undefined without a valid Transaction UID, and when a reference
 * lacks a UID. A failure without its reason is taken for a processing failure (0110).
 *
 * @throws PipelineError `dicom-unreadable`, `dicom-truncated`
 */
export function readCommitmentReport(
  bytes: Uint8Array,
  TransferSyntaxUID: string,
): CommitmentReport | undefined {
  const dataSet = parseInformation(bytes, TransferSyntaxUID);
  const TransactionUID = parseUid(dataSet.string('x00081195'));
  const committed = readItems(dataSet, 'x00081199', referenceOf);
  const failed = readItems(dataSet, 'x00081198', failureOf);
  return TransactionUID === undefined || committed === undefined || failed === undefined
    ? undefined
    : { TransactionUID, committed, failed };
}

function parseInformation(bytes: Uint8Array, TransferSyntaxUID: string): DataSet {
  const header = part10Header({
    SOPClassUID: STORAGE_COMMITMENT_PUSH,
    SOPInstanceUID: STORAGE_COMMITMENT_INSTANCE,
    TransferSyntaxUID,
  });
  return parseDataSet(Buffer.concat([header, bytes]), true).dataSet;
}

/** Undefined when one of the items is not whole. */
function readItems<T>(
  dataSet: DataSet,
  tag: string,
  read: (item: DataSet) => T | undefined,
): readonly T[] | undefined {
  const items = dataSet.elements[tag]?.items ?? [];
  const whole = items
    .map(({ dataSet: item }) => item && read(item))
    .filter((one) => one !== undefined);
  return whole.length < items.length ? undefined : whole;
}

function failureOf(item: DataSet): FailedObject | undefined {
  const reference = referenceOf(item);
  return (
    reference && {
      ...reference,
      FailureReason: item.uint16('x00081197') ?? ERRORS.internal.failureReason,
    }
  );
}

function referenceOf(item: DataSet): ReferencedObject | undefined {
  const ReferencedSOPClassUID = parseUid(item.string('x00081150'));
  const ReferencedSOPInstanceUID = parseUid(item.string('x00081155'));
  return ReferencedSOPClassUID === undefined || ReferencedSOPInstanceUID === undefined
    ? undefined
    : { ReferencedSOPClassUID, ReferencedSOPInstanceUID };
}
