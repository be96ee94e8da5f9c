import type { ConnectionOptions } from 'node:tls';

import {
  EXPLICIT_VR_LITTLE_ENDIAN,
  IMPLEMENTATION,
  type ResultObjectFile,
} from '../../core/delivery/dicom/result-object.js';
import type { BuildObjects } from '../../core/delivery/result-objects.js';
import type { DeliveryReceipt, ResultSink } from '../../core/delivery/result-sink.js';
import { IMPLICIT_VR_LITTLE_ENDIAN, toImplicitVr } from '../../core/dicom/implicit-vr.js';
import { COMMAND_FIELDS, statusHex } from '../../core/dimse/command-set.js';
import type { ProposedContext } from '../../core/dimse/pdu.js';
import { STORAGE_COMMITMENT_PUSH } from '../../core/dimse/storage-commitment.js';
import { PipelineError } from '../../core/errors.js';
import type { AddressGuard } from '../network/address-guard.js';
import type { AcceptedContext, Association } from './association.js';
import { openAssociation } from './open-association.js';
import { AssociationEnded } from './pdu-channel.js';
import type { RequestCommitmentDeps } from './request-commitment.js';
import { requestCommitment, requireCommitted } from './request-commitment.js';

export interface StoreSinkOptions {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly calledAeTitle: string;
  readonly callingAeTitle: string;
  readonly timeoutMs: number;
  /** Present: DICOM over TLS. */
  readonly tls?: ConnectionOptions | undefined;
  /** Absent: any address may be reached. */
  readonly guard?: AddressGuard | undefined;
}

/** Best first: what is accepted of these is what an object goes in. */
export const SENT_TRANSFER_SYNTAXES = [
  EXPLICIT_VR_LITTLE_ENDIAN,
  IMPLICIT_VR_LITTLE_ENDIAN,
] as const;
/** What we can take in one PDU; answers are a few hundred bytes. */
export const SENDER_MAX_PDU_BYTES = 16_384;
const MEDIUM_PRIORITY = 0;

/**
 * Sends a result's objects by C-STORE, all on one association. When it breaks after some of them, all
 * are sent again: they have the same UIDs, and an archive that has one says so or takes it once more.
 *
 * @param deps.commitment present: the peer is asked for storage commitment on the same association
 */
export function createStoreSink(
  deps: {
    readonly buildObjects: BuildObjects;
    readonly commitment?: RequestCommitmentDeps | undefined;
  },
  options: StoreSinkOptions,
): ResultSink {
  return {
    name: options.name,
    async send(delivery): Promise<DeliveryReceipt> {
      options.guard?.checkHost(options.host);
      // A report that came when the delivery counted as delivered: it counts as a failed attempt.
      const late = await deps.commitment?.sentCommitments.take(delivery.deliveryId);
      if (late !== undefined) {
        requireCommitted(late);
      }
      const objects = await deps.buildObjects(delivery);
      if (objects.length === 0) {
        return { objects: 0 };
      }
      const { association, contexts } = await openAssociation({
        ...options,
        contexts: contextsFor([
          ...objects.map(({ SOPClassUID }) => SOPClassUID),
          ...(deps.commitment ? [STORAGE_COMMITMENT_PUSH] : []),
        ]),
        roles: [],
        maxPduBytes: SENDER_MAX_PDU_BYTES,
        implementationClassUID: IMPLEMENTATION.ImplementationClassUID,
        implementationVersionName: IMPLEMENTATION.ImplementationVersionName,
      });
      let receipt: DeliveryReceipt = { objects: objects.length };
      try {
        for (const [index, object] of objects.entries()) {
          const status = await storeOne(association, contexts, object, index + 1);
          judge(status, object, `${index + 1} of ${objects.length}`);
        }
        if (deps.commitment !== undefined) {
          const context = contextOf(contexts, STORAGE_COMMITMENT_PUSH);
          const commitment =
            context === undefined
              ? 'not-offered'
              : await requestCommitment(deps.commitment, association, context, {
                  deliveryId: delivery.deliveryId,
                  messageId: objects.length + 1,
                  referenced: objects.map(({ SOPClassUID, SOPInstanceUID }) => ({
                    ReferencedSOPClassUID: SOPClassUID,
                    ReferencedSOPInstanceUID: SOPInstanceUID,
                  })),
                });
          receipt = { ...receipt, commitment };
        }
      } catch (error) {
        association.abort();
        throw error instanceof AssociationEnded ? ended(error) : error;
      }
      // Whatever the peer says to the end, all answers are there.
      await association.release().catch(() => {
        association.abort();
      });
      return receipt;
    },
    close: () => Promise.resolve(),
  };
}

/** For each SOP Class a context with each syntax, so that the choice is ours. */
function contextsFor(SOPClassUIDs: readonly string[]): ProposedContext[] {
  return [...new Set(SOPClassUIDs)]
    .flatMap((abstractSyntax) =>
      SENT_TRANSFER_SYNTAXES.map((syntax) => ({ abstractSyntax, transferSyntaxes: [syntax] })),
    )
    .map((context, index) => ({ ...context, id: 2 * index + 1 }));
}

/** The first in the order of the ids, which is that of our liking. */
function contextOf(
  contexts: ReadonlyMap<number, AcceptedContext>,
  SOPClassUID: string,
): readonly [number, AcceptedContext] | undefined {
  return [...contexts]
    .sort(([a], [b]) => a - b)
    .find(([, { abstractSyntax }]) => abstractSyntax === SOPClassUID);
}

async function storeOne(
  association: Association,
  contexts: ReadonlyMap<number, AcceptedContext>,
  { kind, SOPClassUID, SOPInstanceUID, bytes }: ResultObjectFile,
  messageId: number,
): Promise<number> {
  const context = contextOf(contexts, SOPClassUID);
  if (context === undefined) {
    throw new PipelineError(
      'delivery-rejected',
      `the peer does not take ${kind.toUpperCase()} objects (${SOPClassUID})`,
    );
  }
  const [contextId, { transferSyntax }] = context;
  const dataSet = dataSetOf(bytes);
  await association.send(
    contextId,
    {
      AffectedSOPClassUID: SOPClassUID,
      CommandField: COMMAND_FIELDS.cStoreRequest,
      MessageID: messageId,
      Priority: MEDIUM_PRIORITY,
      AffectedSOPInstanceUID: SOPInstanceUID,
    },
    transferSyntax === IMPLICIT_VR_LITTLE_ENDIAN ? toImplicitVr(dataSet) : dataSet,
  );
  const answer = await association.nextMessage();
  const { CommandField, MessageIDBeingRespondedTo, Status } = answer?.command ?? {};
  if (
    CommandField !== COMMAND_FIELDS.cStoreResponse ||
    MessageIDBeingRespondedTo !== messageId ||
    Status === undefined
  ) {
    throw new PipelineError('delivery-timeout', 'the peer gave another answer than to our C-STORE');
  }
  return Status;
}

function judge(status: number, { kind }: ResultObjectFile, which: string): void {
  if (!isStored(status)) {
    throw new PipelineError(
      isTransient(status) ? 'delivery-failed' : 'delivery-rejected',
      `the peer refused object ${which} (${kind}, status ${statusHex(status)})`,
    );
  }
}

/** The peer may have stored what it did not answer for: the repetition has the same UIDs. */
function ended(cause: AssociationEnded): PipelineError {
  const how = {
    'aborted-by-peer': 'the peer aborted the association',
    'connection-lost': 'the peer closed the connection',
    silent: 'the peer fell silent',
    'protocol-error': 'the peer does not keep to the protocol',
  }[cause.how];
  return new PipelineError('delivery-timeout', how, { cause });
}

/** Success, the warnings of PS3.4 B.2.3, and "duplicate SOP Instance": it is there already. */
function isStored(status: number): boolean {
  return status === 0 || [0xb000, 0xb006, 0xb007, 0x0111].includes(status);
}

function isTransient(status: number): boolean {
  return (status & 0xff00) === 0xa700 || status === 0x0110;
}

/** What follows preamble, prefix and File Meta Information, whose length its first element says. */
function dataSetOf(part10: Buffer): Buffer {
  return part10.subarray(144 + part10.readUInt32LE(140));
}
