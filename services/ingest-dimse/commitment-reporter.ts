import { openAssociation } from '../../adapters/dimse/open-association.js';
import {
  IMPLEMENTATION_CLASS_UID,
  IMPLEMENTATION_VERSION_NAME,
} from '../../core/dicom/part10-header.js';
import { COMMAND_FIELDS, DIMSE_STATUS } from '../../core/dimse/command-set.js';
import { STORAGE_COMMITMENT_PUSH } from '../../core/dimse/storage-commitment.js';
import { PipelineError } from '../../core/errors.js';
import type { DueCommitment } from '../../core/storage/commitment-store.js';
import { reportCommitment } from '../../core/use-cases/report-commitment.js';
import { sendReport } from './commitment-service.js';
import type { CommitmentDeps, CommitmentOptions } from './commitment-service.js';
import type { PeerAddress } from './peers.js';
import { PLAIN_TRANSFER_SYNTAXES } from './presentation-contexts.js';

export interface CommitmentReporter {
  /** Something is due now. */
  wake(): void;
  /** Waits for the report in hand. Idempotent. */
  close(): Promise<void>;
}

export interface ReporterOptions extends Pick<CommitmentOptions, 'peers' | 'tls'> {
  readonly callingAeTitle: string;
  readonly maxPduBytes: number;
}

const SWEEP_INTERVAL_MS = 5_000;
const TIMEOUT_MS = 30_000;
const FIRST_DELAY_MS = 5_000;
const LONGEST_DELAY_MS = 10 * 60_000;
/** With those delays: about a day. */
const MAX_ATTEMPTS = 150;
const BATCH = 10;
const CONTEXT_ID = 1;

/** Brings reports that are owed to configured peers, again and again until they have arrived. */
export function startCommitmentReporter(
  deps: CommitmentDeps,
  options: ReporterOptions,
): CommitmentReporter {
  let closed = false;
  let running: Promise<void> | undefined;
  let again = false;

  async function reportAll(): Promise<void> {
    do {
      again = false;
      const due = await deps.commitments.claimDue(BATCH, delayAfter);
      for (const order of due) {
        await reportOne(order);
        if (closed) {
          return;
        }
      }
      again ||= due.length === BATCH;
    } while (again);
  }

  async function reportOne(order: DueCommitment): Promise<void> {
    const facts = { requestId: order.requestId, peer: order.peer, attempts: order.attempts };
    const address = options.peers.get(order.peer);
    try {
      if (address === undefined) {
        throw new PipelineError('delivery-gone', 'PREREAD_DIMSE_PEERS has this peer no more.');
      }
      await deliver(deps, options, order, address);
      await deps.commitments.settle(order.requestId);
      deps.logger.info(facts, 'storage commitment reported');
    } catch (error) {
      const givenUp = order.attempts >= MAX_ATTEMPTS;
      deps.logger.warn(
        { ...facts, err: error },
        givenUp ? 'storage commitment given up' : 'storage commitment not reported yet',
      );
      if (givenUp) {
        await deps.commitments.settle(order.requestId);
      }
    }
  }

  function wake(): void {
    if (closed) {
      return;
    }
    if (running !== undefined) {
      again = true;
      return;
    }
    running = reportAll()
      .catch((error: unknown) => {
        deps.logger.warn({ err: error }, 'reports of storage commitment wait');
      })
      .finally(() => {
        running = undefined;
      });
  }

  const timer = setInterval(wake, SWEEP_INTERVAL_MS);
  wake();
  return {
    wake,
    close: async () => {
      closed = true;
      clearInterval(timer);
      await running;
    },
  };
}

function delayAfter(attempts: number): number {
  return Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** (attempts - 1));
}

async function deliver(
  deps: CommitmentDeps,
  options: ReporterOptions,
  order: DueCommitment,
  { host, port }: PeerAddress,
): Promise<void> {
  const report = await reportCommitment(deps, order);
  const { association, contexts } = await openAssociation({
    host,
    port,
    calledAeTitle: order.peer,
    callingAeTitle: options.callingAeTitle,
    contexts: [
      {
        id: CONTEXT_ID,
        abstractSyntax: STORAGE_COMMITMENT_PUSH,
        transferSyntaxes: PLAIN_TRANSFER_SYNTAXES,
      },
    ],
    // We open the association and are still the one who gives the service. Source: PS3.4 J.3.3.
    roles: [{ SOPClassUID: STORAGE_COMMITMENT_PUSH, scu: false, scp: true }],
    maxPduBytes: options.maxPduBytes,
    timeoutMs: TIMEOUT_MS,
    implementationClassUID: IMPLEMENTATION_CLASS_UID,
    implementationVersionName: IMPLEMENTATION_VERSION_NAME,
    tls: options.tls,
  });
  try {
    if (!contexts.has(CONTEXT_ID)) {
      throw new PipelineError(
        'delivery-rejected',
        'The peer takes no reports of storage commitment.',
      );
    }
    await sendReport(association, CONTEXT_ID, report);
    const answer = await association.nextMessage();
    const status = answer?.command.Status;
    if (
      answer?.command.CommandField !== COMMAND_FIELDS.nEventReportResponse ||
      status !== DIMSE_STATUS.success
    ) {
      const context = { status: status ?? -1 };
      throw new PipelineError('delivery-rejected', 'The peer refuses the report.', { context });
    }
    await association.release();
  } catch (error) {
    association.abort();
    throw error;
  }
}
