import { randomUUID } from 'node:crypto';

import { uidFromHex128 } from '../../core/dicom/uid.js';
import { COMMAND_FIELDS, DIMSE_STATUS, statusHex } from '../../core/dimse/command-set.js';
import type { ReferencedObject } from '../../core/dimse/storage-commitment.js';
import {
  encodeCommitmentRequest,
  REQUEST_STORAGE_COMMITMENT,
  STORAGE_COMMITMENT_INSTANCE,
  STORAGE_COMMITMENT_PUSH,
} from '../../core/dimse/storage-commitment.js';
import { PipelineError } from '../../core/errors.js';
import type { SentCommitmentReport } from '../../core/storage/sent-commitments.js';
import type { Clock } from '../../core/time.js';
import type { AcceptedContext, Association, Message } from './association.js';
import { AssociationEnded } from './pdu-channel.js';
import type { TakeReportDeps } from './take-commitment-report.js';
import { takeCommitmentReport } from './take-commitment-report.js';

export interface RequestCommitmentDeps extends TakeReportDeps {
  readonly clock: Clock;
  /** For the report, on whichever association; 0 does not wait. */
  readonly waitMs: number;
}

/** How often it is looked whether the report has come to the DIMSE service, perhaps of another process. */
const LOOK_INTERVAL_MS = 250;

/**
 * Asks the peer to commit to objects that it has just taken, and waits for its report. `requested`: none has
 * come yet. What the peer has acknowledged is not lost when the association ends then.
 *
 * @throws PipelineError `delivery-failed` when the peer refuses the request, or does not commit to everything
 * @throws AssociationEnded before the request is acknowledged
 */
export async function requestCommitment(
  deps: RequestCommitmentDeps,
  association: Association,
  [contextId, { transferSyntax }]: readonly [number, AcceptedContext],
  request: {
    readonly deliveryId: string;
    readonly messageId: number;
    readonly referenced: readonly ReferencedObject[];
  },
): Promise<'committed' | 'requested'> {
  const { deliveryId, messageId, referenced } = request;
  const TransactionUID = uidFromHex128(randomUUID().replaceAll('-', ''));
  await deps.sentCommitments.open(deliveryId, TransactionUID);
  await association.send(
    contextId,
    {
      CommandField: COMMAND_FIELDS.nActionRequest,
      MessageID: messageId,
      RequestedSOPClassUID: STORAGE_COMMITMENT_PUSH,
      RequestedSOPInstanceUID: STORAGE_COMMITMENT_INSTANCE,
      ActionTypeID: REQUEST_STORAGE_COMMITMENT,
    },
    encodeCommitmentRequest(TransactionUID, referenced, transferSyntax),
  );
  await requireAcknowledgment(deps, association, messageId);
  const untilMs = deps.clock() + deps.waitMs;
  let open: boolean;
  do {
    open = await listen(deps, association, Math.min(LOOK_INTERVAL_MS, untilMs - deps.clock()));
    const report = await deps.sentCommitments.take(deliveryId);
    if (report !== undefined) {
      requireCommitted(report);
      return 'committed';
    }
  } while (open && deps.clock() < untilMs);
  return 'requested';
}

/** @throws PipelineError `delivery-failed` for a report with failures */
export function requireCommitted(report: SentCommitmentReport): void {
  const { committedCount, failedCount, failureReason } = report;
  if (failedCount > 0) {
    throw new PipelineError(
      'delivery-failed',
      `the peer does not commit to ${failedCount} of ${failedCount + committedCount} objects ` +
        `(failure reason ${statusHex(failureReason ?? 0)})`,
    );
  }
}

async function requireAcknowledgment(
  deps: RequestCommitmentDeps,
  association: Association,
  messageId: number,
): Promise<void> {
  for (;;) {
    const answer = await association.nextMessage();
    // A peer that is quick may report before it answers.
    if (answer !== undefined && (await tookReport(deps, association, answer))) {
      continue;
    }
    const { CommandField, MessageIDBeingRespondedTo, Status } = answer?.command ?? {};
    if (
      CommandField !== COMMAND_FIELDS.nActionResponse ||
      MessageIDBeingRespondedTo !== messageId ||
      Status === undefined
    ) {
      throw new PipelineError(
        'delivery-timeout',
        'the peer gave another answer than to our request for storage commitment',
      );
    }
    if (Status !== DIMSE_STATUS.success) {
      throw new PipelineError(
        'delivery-failed',
        `the peer refused the request for storage commitment (status ${statusHex(Status)})`,
      );
    }
    return;
  }
}

/** Takes what the peer says within the time. False when it has ended the association. */
async function listen(
  deps: RequestCommitmentDeps,
  association: Association,
  withinMs: number,
): Promise<boolean> {
  try {
    if (await association.hearsSomething(Math.max(0, withinMs))) {
      const message = await association.nextMessage();
      return message !== undefined && (await tookReport(deps, association, message));
    }
    return true;
  } catch (error) {
    if (error instanceof AssociationEnded) {
      return false;
    }
    throw error;
  }
}

async function tookReport(
  deps: RequestCommitmentDeps,
  association: Association,
  message: Message,
): Promise<boolean> {
  const isReport = message.command.CommandField === COMMAND_FIELDS.nEventReportRequest;
  if (isReport) {
    await takeCommitmentReport(deps, association, message);
  }
  return isReport;
}
