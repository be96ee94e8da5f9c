import type { ConnectionOptions } from 'node:tls';

import { readCommitmentRequest } from '../../adapters/dicom/read-commitment.js';
import type { Association, Message } from '../../adapters/dimse/association.js';
import { COMMAND_FIELDS, DIMSE_STATUS } from '../../core/dimse/command-set.js';
import {
  COMMITMENT_EVENTS,
  encodeCommitmentReport,
  REQUEST_STORAGE_COMMITMENT,
  STORAGE_COMMITMENT_INSTANCE,
  STORAGE_COMMITMENT_PUSH,
} from '../../core/dimse/storage-commitment.js';
import type { CommitmentReport } from '../../core/dimse/storage-commitment.js';
import { toPipelineError } from '../../core/errors.js';
import type { Logger } from '../../core/log.js';
import type { CommitmentOrder, CommitmentStore } from '../../core/storage/commitment-store.js';
import { reportCommitment } from '../../core/use-cases/report-commitment.js';
import type { PeerAddress } from './peers.js';

export interface CommitmentDeps {
  readonly commitments: CommitmentStore;
  readonly hasFile: (objectKey: string) => Promise<boolean>;
  readonly logger: Logger;
}

export interface CommitmentOptions {
  readonly peers: ReadonlyMap<string, PeerAddress>;
  /** A new report is owed to a peer. */
  readonly onOrder: () => void;
  readonly tls?: ConnectionOptions | undefined;
}

/** Some fifty thousand references. */
const MAX_REQUEST_BYTES = 8 * 1024 ** 2;

/**
 * N-ACTION "request storage commitment": acknowledged when the report is owed, then reported, to a
 * configured peer on an association of its own and else at once on this one. Source: PS3.4 J.3.
 */
export async function handleCommitmentRequest(
  deps: CommitmentDeps,
  association: Association,
  message: Message,
  peer: string,
  options: CommitmentOptions,
): Promise<void> {
  const { contextId, command } = message;
  const order = await readOrder(association, message, peer);
  let Status = typeof order === 'number' ? order : DIMSE_STATUS.success;
  const isOwed = typeof order !== 'number' && options.peers.has(peer);
  if (isOwed) {
    try {
      await deps.commitments.add(order);
    } catch (error) {
      deps.logger.error({ err: error }, 'storage commitment not accepted');
      Status = toPipelineError(error).failureReason;
    }
  }
  await association.send(contextId, {
    CommandField: COMMAND_FIELDS.nActionResponse,
    MessageIDBeingRespondedTo: command.MessageID ?? 0,
    AffectedSOPClassUID: STORAGE_COMMITMENT_PUSH,
    AffectedSOPInstanceUID: STORAGE_COMMITMENT_INSTANCE,
    ActionTypeID: command.ActionTypeID ?? REQUEST_STORAGE_COMMITMENT,
    Status,
  });
  if (isOwed) {
    options.onOrder();
  } else if (typeof order !== 'number') {
    await sendReport(association, contextId, await reportCommitment(deps, order));
  }
}

/** Sends a report; the answer is a message like any other. */
export async function sendReport(
  association: Association,
  contextId: number,
  report: CommitmentReport,
): Promise<void> {
  const transferSyntax = association.context(contextId)?.transferSyntax ?? '';
  await association.send(
    contextId,
    {
      CommandField: COMMAND_FIELDS.nEventReportRequest,
      MessageID: 1,
      AffectedSOPClassUID: STORAGE_COMMITMENT_PUSH,
      AffectedSOPInstanceUID: STORAGE_COMMITMENT_INSTANCE,
      EventTypeID:
        report.failed.length === 0 ? COMMITMENT_EVENTS.successful : COMMITMENT_EVENTS.failuresExist,
    },
    encodeCommitmentReport(report, transferSyntax),
  );
}

/** The order, or the status with which it is refused. */
async function readOrder(
  association: Association,
  { contextId, command }: Message,
  peer: string,
): Promise<CommitmentOrder | number> {
  const bytes = await association.wholeDataSet(MAX_REQUEST_BYTES);
  if (command.RequestedSOPInstanceUID !== STORAGE_COMMITMENT_INSTANCE) {
    return DIMSE_STATUS.noSuchObjectInstance;
  }
  if (command.ActionTypeID !== REQUEST_STORAGE_COMMITMENT) {
    return DIMSE_STATUS.noSuchAction;
  }
  if (bytes === undefined) {
    return DIMSE_STATUS.invalidArgumentValue;
  }
  const syntax = association.context(contextId)?.transferSyntax ?? '';
  try {
    const request = readCommitmentRequest(bytes, syntax);
    return request === undefined ? DIMSE_STATUS.invalidArgumentValue : { ...request, peer };
  } catch {
    return DIMSE_STATUS.invalidArgumentValue;
  }
}
