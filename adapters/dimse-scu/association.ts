import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';

import { PDU_TYPES } from '../../core/dimse/pdu.js';
import { PipelineError } from '../../core/errors.js';
import { transportError } from '../http/http-failure.js';
import {
  decodeAssociateAccept,
  decodeCommandFragments,
  encodeAssociateRequest,
  encodeMessage,
  encodeReleaseRequest,
  encodeStoreRequest,
  readStatus,
  type AssociationAccept,
  type AssociationRequest,
} from './pdu.js';

/** An answer is a few hundred bytes; a peer that announces more is no DICOM node. */
const MAX_ANSWER_BYTES = 1024 * 1024;

export interface AssociationPlace {
  readonly host: string;
  readonly port: number;
  readonly tls: ConnectionOptions | undefined;
  /** Longest silence of the peer. */
  readonly timeoutMs: number;
}

export interface Association extends AssociationAccept {
  /** Stores one object and returns the peer's status. */
  store(
    contextId: number,
    object: { readonly SOPClassUID: string; readonly SOPInstanceUID: string },
    dataSet: Buffer,
  ): Promise<number>;
  /** Ends in order: whatever the peer says to it, all answers are there. */
  release(): Promise<void>;
  destroy(): void;
}

/**
 * Opens an association.
 * @throws PipelineError `delivery-unreachable`, `delivery-timeout`; `delivery-failed` when the peer rejects it
 */
export async function openAssociation(
  place: AssociationPlace,
  request: AssociationRequest,
): Promise<Association> {
  const socket = await connect(place);
  const pdus = readPdus(socket);
  try {
    await write(socket, encodeAssociateRequest(request));
    const answer = await nextPdu(pdus);
    if (answer.type === PDU_TYPES.associateReject) {
      const [, result, source, reason] = answer.body;
      throw new PipelineError(
        'delivery-failed',
        `the peer rejected the association (result ${result ?? 0}, source ${source ?? 0}, reason ${reason ?? 0}): ` +
          'does it know both AE titles?',
      );
    }
    expectType(answer.type, PDU_TYPES.associateAccept);
    const accept = decodeAssociateAccept(answer.body);
    let messageId = 0;
    return {
      ...accept,
      async store(contextId, object, dataSet) {
        messageId += 1;
        const command = encodeStoreRequest(messageId, object);
        for (const part of encodeMessage(contextId, command, dataSet, accept.maxPduLength)) {
          await write(socket, part);
        }
        return readResponse(pdus);
      },
      async release() {
        try {
          await write(socket, encodeReleaseRequest());
          await pdus.next();
        } catch {
          // Nothing is lost by a peer that leaves without a word.
        }
        socket.destroy();
      },
      destroy: () => {
        socket.destroy();
      },
    };
  } catch (error) {
    socket.destroy();
    throw transportError(error);
  }
}

async function connect({ host, port, tls, timeoutMs }: AssociationPlace): Promise<Socket> {
  const socket =
    tls === undefined
      ? connectTcp({ host, port })
      : connectTls({ servername: host, ...tls, host, port });
  socket.setNoDelay(true);
  socket.setTimeout(timeoutMs, () => {
    socket.destroy(
      socket.connecting
        ? new PipelineError(
            'delivery-unreachable',
            'the peer cannot be reached (no connection in time)',
          )
        : new PipelineError('delivery-timeout', 'the peer fell silent'),
    );
  });
  try {
    await once(socket, tls === undefined ? 'connect' : 'secureConnect');
    return socket;
  } catch (error) {
    socket.destroy();
    throw transportError(error);
  }
}

async function write(socket: Socket, bytes: Buffer): Promise<void> {
  if (!socket.write(bytes)) {
    // A peer that takes nothing more slows us down here.
    await Promise.race([once(socket, 'drain'), once(socket, 'close').then(gone)]);
  }
}

async function readResponse(pdus: AsyncGenerator<Pdu, void>): Promise<number> {
  const parts: Buffer[] = [];
  for (;;) {
    const { type, body } = await nextPdu(pdus);
    expectType(type, PDU_TYPES.data);
    const { bytes, last } = decodeCommandFragments(body);
    parts.push(bytes);
    if (last) {
      const status = readStatus(Buffer.concat(parts));
      if (status === undefined) {
        throw new PipelineError('delivery-timeout', 'the peer answered without a status');
      }
      return status;
    }
  }
}

interface Pdu {
  readonly type: number;
  readonly body: Buffer;
}

async function* readPdus(socket: Socket): AsyncGenerator<Pdu, void> {
  let buffer = Buffer.alloc(0);
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    buffer = Buffer.concat([buffer, chunk]);
    while (buffer.length >= 6) {
      const length = buffer.readUInt32BE(2);
      if (length > MAX_ANSWER_BYTES) {
        throw new PipelineError('delivery-failed', 'the peer does not speak DICOM');
      }
      if (buffer.length < 6 + length) {
        break;
      }
      yield { type: buffer.readUInt8(0), body: buffer.subarray(6, 6 + length) };
      buffer = buffer.subarray(6 + length);
    }
  }
}

async function nextPdu(pdus: AsyncGenerator<Pdu, void>): Promise<Pdu> {
  const next = await pdus.next();
  return next.done === true ? gone() : next.value;
}

function expectType(type: number, wanted: number): void {
  if (type === PDU_TYPES.abort) {
    throw new PipelineError('delivery-timeout', 'the peer aborted the association');
  }
  if (type !== wanted) {
    throw new PipelineError('delivery-failed', 'the peer does not speak DICOM');
  }
}

function gone(): never {
  throw new PipelineError('delivery-timeout', 'the peer closed the connection');
}
