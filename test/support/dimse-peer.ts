import { connect } from 'node:net';
import type { Socket } from 'node:net';

import type { AcceptedContext } from '../../adapters/dimse/association.js';
import { Association } from '../../adapters/dimse/association.js';
import { createPduChannel } from '../../adapters/dimse/pdu-channel.js';
import { COMMAND_FIELDS, encodeCommand } from '../../core/dimse/command-set.js';
import type { CommandSet } from '../../core/dimse/command-set.js';
import {
  APPLICATION_CONTEXT,
  decodeAssociateAccept,
  decodeAssociateReject,
  encodeAssociateRequest,
  encodeData,
  PDU_TYPES,
} from '../../core/dimse/pdu.js';
import type { ProposedContext, RoleSelection } from '../../core/dimse/pdu.js';
import { STORAGE_COMMITMENT_PUSH } from '../../core/dimse/storage-commitment.js';
import { chestElements, encodeElements, EXPLICIT, UIDS } from './build-dicom.js';
import { newUid } from './chest-sender.js';

const MAX_PDU_BYTES = 65_536;
const TIMEOUT_MS = 60_000;

/** In which storage commitment is asked for and reported, by either side. */
export const COMMITMENT_CONTEXT = {
  abstractSyntax: STORAGE_COMMITMENT_PUSH,
  transferSyntaxes: [UIDS.ExplicitVRLittleEndian],
} as const satisfies Omit<ProposedContext, 'id'>;

/** A scripted SCU, for what real ones do not do. */
export interface DimsePeer {
  readonly association: Association;
  readonly socket: Socket;
  /** Id of the accepted context with these syntaxes. */
  contextId(abstractSyntax: string, transferSyntax?: string): number;
  /** C-STORE; resolves to the response. */
  store(contextId: number, object: StoredObject): Promise<CommandSet>;
  /** The beginning of a C-STORE; resolves to the PDUs that are left to send. */
  storeHalf(contextId: number, object: StoredObject): Promise<Buffer[]>;
}

export interface StoredObject {
  readonly SOPClassUID: string;
  readonly SOPInstanceUID: string;
  readonly dataSet: Uint8Array;
}

/** C-STORE of a new small radiograph in the accepted context of its class; its UID and the answer's status. */
export async function storeChest(
  peer: DimsePeer,
): Promise<{ readonly SOPInstanceUID: string; readonly Status: number | undefined }> {
  const SOPClassUID = UIDS.ComputedRadiographyImageStorage;
  const SOPInstanceUID = newUid();
  const dataSet = encodeElements(
    chestElements({
      '00080018': ['UI', SOPInstanceUID],
      '0020000d': ['UI', newUid()],
      '0020000e': ['UI', newUid()],
    }),
    EXPLICIT,
  );
  const object = { SOPClassUID, SOPInstanceUID, dataSet };
  const { Status } = await peer.store(peer.contextId(SOPClassUID), object);
  return { SOPInstanceUID, Status };
}

/** @throws Error with `source` and `reason` when the association is rejected */
export async function openPeer(
  port: number,
  contexts: readonly Omit<ProposedContext, 'id'>[],
  options: { readonly aeTitle?: string; readonly roles?: readonly RoleSelection[] } = {},
): Promise<DimsePeer> {
  const { socket } = await openRaw(port);
  const channel = createPduChannel(socket, MAX_PDU_BYTES);
  const proposed = contexts.map((context, index) => ({ ...context, id: 2 * index + 1 }));
  const request = encodeAssociateRequest({
    protocolVersion: 1,
    calledAeTitle: 'PREREAD',
    callingAeTitle: options.aeTitle ?? 'TESTPEER',
    applicationContext: APPLICATION_CONTEXT,
    contexts: proposed,
    userInformation: {
      maxPduBytes: MAX_PDU_BYTES,
      implementationClassUID: '1.2.3.4.5',
      implementationVersionName: 'PEER',
      roles: options.roles ?? [],
    },
  });
  await channel.write([request], TIMEOUT_MS);
  const { type, body } = await channel.next(TIMEOUT_MS);
  if (type !== PDU_TYPES.associateAccept) {
    channel.close();
    throw Object.assign(new Error('the association is rejected'), decodeAssociateReject(body));
  }
  const accept = decodeAssociateAccept(body);
  const accepted = new Map<number, AcceptedContext>();
  for (const { id, result, transferSyntax } of accept.contexts) {
    const abstractSyntax = proposed.find((context) => context.id === id)?.abstractSyntax ?? '';
    if (result === 0) {
      accepted.set(id, { abstractSyntax, transferSyntax });
    }
  }
  const association = new Association(channel, {
    contexts: accepted,
    peerMaxPduBytes: accept.userInformation.maxPduBytes,
    idleTimeoutMs: TIMEOUT_MS,
    state: 'established',
  });
  let MessageID = 0;
  function storeCommand({ SOPClassUID, SOPInstanceUID }: StoredObject): CommandSet {
    MessageID += 1;
    return {
      CommandField: COMMAND_FIELDS.cStoreRequest,
      MessageID,
      AffectedSOPClassUID: SOPClassUID,
      AffectedSOPInstanceUID: SOPInstanceUID,
    };
  }
  return {
    association,
    socket,
    contextId(abstractSyntax, transferSyntax) {
      for (const [id, context] of accepted) {
        if (
          context.abstractSyntax === abstractSyntax &&
          (transferSyntax === undefined || context.transferSyntax === transferSyntax)
        ) {
          return id;
        }
      }
      throw new Error('the context was not accepted');
    },
    async store(contextId, object) {
      await association.send(contextId, storeCommand(object), object.dataSet);
      const answer = await association.nextMessage();
      if (answer === undefined) {
        throw new Error('the association was released instead of an answer');
      }
      return answer.command;
    },
    async storeHalf(contextId, object) {
      const { maxPduBytes: peerMaxPduBytes } = accept.userInformation;
      const command = encodeCommand(storeCommand(object), true);
      const pdus = encodeData(contextId, false, object.dataSet, peerMaxPduBytes);
      const half = pdus.splice(0, Math.ceil(pdus.length / 2));
      const first = encodeData(contextId, true, command, peerMaxPduBytes);
      await channel.write([...first, ...half], TIMEOUT_MS);
      return pdus;
    },
  };
}

/** A bare connection: whatever bytes a test wants, and everything that comes back. */
export interface RawPeer {
  readonly socket: Socket;
  /** All bytes received until the other side ended the connection. */
  readonly ended: Promise<Buffer>;
}

export function openRaw(port: number): Promise<RawPeer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port });
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    const ended = new Promise<Buffer>((done) => {
      socket.once('close', () => {
        done(Buffer.concat(chunks));
      });
    });
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject).on('error', () => undefined);
      resolve({ socket, ended });
    });
  });
}
