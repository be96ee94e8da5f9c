import { COMMAND_FIELDS, DIMSE_STATUS } from '../../core/dimse/command-set.js';
import type { CommitmentReport } from '../../core/dimse/storage-commitment.js';
import {
  COMMITMENT_EVENTS,
  STORAGE_COMMITMENT_INSTANCE,
  STORAGE_COMMITMENT_PUSH,
} from '../../core/dimse/storage-commitment.js';
import { toPipelineError } from '../../core/errors.js';
import type { Logger } from '../../core/log.js';
import type { PipelineMetrics } from '../../core/metrics.js';
import type { SentCommitments } from '../../core/storage/sent-commitments.js';
import type { Association, Message } from './association.js';

export interface TakeReportDeps {
  readonly sentCommitments: SentCommitments;
  /**
   * The Event Information of a report; undefined when a UID of it is missing or invalid.
   * @throws PipelineError for what is no data set
   */
  readonly readReport: (
    bytes: Uint8Array,
    TransferSyntaxUID: string,
  ) => CommitmentReport | undefined;
  readonly logger: Logger;
  readonly metrics?: Pick<PipelineMetrics, 'commitmentReport'> | undefined;
}

/** Some fifty thousand references. */
const MAX_REPORT_BYTES = 8 * 1024 ** 2;

/**
 * N-EVENT-REPORT on a request for storage commitment of ours, on whichever association it comes: kept, then
 * answered. A transaction that we do not know is answered with success too: the peer could do nothing
 * about it. Source: PS3.4 J.3.3.
 */
export async function takeCommitmentReport(
  deps: TakeReportDeps,
  association: Association,
  message: Message,
): Promise<void> {
  const { contextId, command } = message;
  const Status = await take(deps, association, message);
  await association.send(contextId, {
    CommandField: COMMAND_FIELDS.nEventReportResponse,
    MessageIDBeingRespondedTo: command.MessageID ?? 0,
    AffectedSOPClassUID: STORAGE_COMMITMENT_PUSH,
    AffectedSOPInstanceUID: STORAGE_COMMITMENT_INSTANCE,
    EventTypeID: command.EventTypeID ?? 0,
    Status,
  });
}

async function take(
  { sentCommitments, readReport, logger, metrics }: TakeReportDeps,
  association: Association,
  { contextId, command }: Message,
): Promise<number> {
  const bytes = await association.wholeDataSet(MAX_REPORT_BYTES);
  if (command.AffectedSOPInstanceUID !== STORAGE_COMMITMENT_INSTANCE) {
    return DIMSE_STATUS.noSuchObjectInstance;
  }
  const { EventTypeID } = command;
  if (
    EventTypeID !== COMMITMENT_EVENTS.successful &&
    EventTypeID !== COMMITMENT_EVENTS.failuresExist
  ) {
    return DIMSE_STATUS.noSuchEventType;
  }
  const { transferSyntax = '' } = association.context(contextId) ?? {};
  let report: CommitmentReport | undefined;
  try {
    report = bytes && readReport(bytes, transferSyntax);
  } catch {
    report = undefined;
  }
  const saysFailure = EventTypeID === COMMITMENT_EVENTS.failuresExist;
  if (report === undefined || report.failed.length > 0 !== saysFailure) {
    logger.warn({ EventTypeID }, 'a report of storage commitment cannot be read');
    return DIMSE_STATUS.invalidArgumentValue;
  }
  const counts = {
    committedCount: report.committed.length,
    failedCount: report.failed.length,
    failureReason: report.failed[0]?.FailureReason,
  };
  try {
    const delivery = await sentCommitments.report(report.TransactionUID, counts);
    if (delivery === undefined) {
      logger.warn(counts, 'a report of storage commitment is for no open request of ours');
      return DIMSE_STATUS.success;
    }
    const facts = { ...delivery, ...counts };
    if (saysFailure) {
      logger.warn(facts, 'the archive does not commit to the objects of a delivery');
    } else {
      logger.info(facts, 'the archive has committed to the objects of a delivery');
    }
    metrics?.commitmentReport(delivery.destination, saysFailure ? 'failed' : 'committed');
    return DIMSE_STATUS.success;
  } catch (error) {
    logger.error({ err: error }, 'a report of storage commitment was not kept');
    return toPipelineError(error).failureReason;
  }
}
