import type { Association, Message } from '../../adapters/dimse/association.js';
import { takeCommitmentReport } from '../../adapters/dimse/take-commitment-report.js';
import type { TakeReportDeps } from '../../adapters/dimse/take-commitment-report.js';
import { AssociationEnded } from '../../adapters/dimse/pdu-channel.js';
import type { StudyHolds } from '../../adapters/database/study-hold.js';
import { COMMAND_FIELDS, DIMSE_STATUS, RESPONSE_BIT } from '../../core/dimse/command-set.js';
import type { Logger } from '../../core/log.js';
import type { PipelineMetrics } from '../../core/metrics.js';
import type { IngestInstanceDeps } from '../../core/use-cases/ingest-instance.js';
import type { CommitmentDeps, CommitmentOptions } from './commitment-service.js';
import { handleCommitmentRequest } from './commitment-service.js';
import type { StoreObjectOptions } from './store-object.js';
import { storeObject } from './store-object.js';

export interface ServeAssociationDeps extends IngestInstanceDeps, CommitmentDeps, TakeReportDeps {
  readonly logger: Logger;
  readonly holds: StudyHolds;
  readonly metrics?: Pick<PipelineMetrics, 'received' | 'stage' | 'commitmentReport'>;
}

export interface ServeAssociationOptions extends StoreObjectOptions, CommitmentOptions {
  readonly callingAeTitle: string;
  /** Asks to stop when the message in hand is done. */
  readonly stopping: AbortSignal;
}

/** A sender that pauses for so long has nothing more of the study for now. */
const HOLD_PAUSE_MS = 2_000;

/** What an association has done, for its line in the log. */
export interface AssociationSummary {
  readonly stored: number;
  readonly duplicate: number;
  readonly failed: number;
  readonly ended: 'released' | 'closing' | AssociationEnded['how'];
}

/** Serves the messages of an association until it ends. Never throws for what a peer does. */
export async function serveAssociation(
  deps: ServeAssociationDeps,
  association: Association,
  options: ServeAssociationOptions,
): Promise<AssociationSummary> {
  const counts = { stored: 0, duplicate: 0, failed: 0 };
  let hold = deps.holds.open(deps.logger);

  async function handle(message: Message): Promise<void> {
    switch (message.command.CommandField) {
      case COMMAND_FIELDS.cStoreRequest: {
        hold.moreComes();
        const outcome = await storeObject(deps, association, message, hold, options);
        counts[outcome.kind] += 1;
        if (outcome.kind === 'stored') {
          hold.stored(outcome.studyId, outcome.identity.StudyInstanceUID);
        }
        return;
      }
      case COMMAND_FIELDS.cEchoRequest:
        await answer(association, message, DIMSE_STATUS.success);
        return;
      case COMMAND_FIELDS.nActionRequest:
        await handleCommitmentRequest(deps, association, message, options.callingAeTitle, options);
        return;
      case COMMAND_FIELDS.nEventReportRequest:
        await takeCommitmentReport(deps, association, message);
        return;
      case COMMAND_FIELDS.nEventReportResponse:
      case COMMAND_FIELDS.cCancelRequest:
        return;
      case undefined:
      default:
        await association.skipDataSet(options.maxInstanceBytes);
        await answer(association, message, DIMSE_STATUS.unrecognizedOperation);
    }
  }

  async function releaseHold(): Promise<void> {
    const released = hold;
    hold = deps.holds.open(deps.logger);
    await released.release();
  }

  /** Between messages there is nothing to lose. */
  async function nextMessage(): Promise<Message | undefined> {
    const pause = setTimeout(() => void releaseHold(), HOLD_PAUSE_MS);
    const stop = () => {
      association.abort();
    };
    options.stopping.addEventListener('abort', stop);
    try {
      return await association.nextMessage();
    } finally {
      clearTimeout(pause);
      options.stopping.removeEventListener('abort', stop);
    }
  }

  try {
    while (!options.stopping.aborted) {
      const message = await nextMessage();
      if (message === undefined) {
        return { ...counts, ended: 'released' };
      }
      await handle(message);
    }
    association.abort();
    return { ...counts, ended: 'closing' };
  } catch (error) {
    if (error instanceof AssociationEnded) {
      return { ...counts, ended: options.stopping.aborted ? 'closing' : error.how };
    }
    association.abort();
    throw error;
  } finally {
    await hold.release();
  }
}

async function answer(
  association: Association,
  { contextId, command }: Message,
  Status: number,
): Promise<void> {
  const { AffectedSOPClassUID, RequestedSOPClassUID } = command;
  await association.send(contextId, {
    CommandField: (command.CommandField ?? 0) | RESPONSE_BIT,
    MessageIDBeingRespondedTo: command.MessageID ?? 0,
    AffectedSOPClassUID: AffectedSOPClassUID ?? RequestedSOPClassUID ?? '',
    Status,
  });
}
