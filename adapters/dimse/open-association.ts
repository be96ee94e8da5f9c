import { connect as connectPlain, isIP } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { ConnectionOptions } from 'node:tls';

import type { ProposedContext, RoleSelection } from '../../core/dimse/pdu.js';
import {
  APPLICATION_CONTEXT,
  decodeAssociateAccept,
  decodeAssociateReject,
  encodeAssociateRequest,
  PDU_TYPES,
  PduError,
} from '../../core/dimse/pdu.js';
import { transportError } from '../../core/delivery/transport-failure.js';
import { PipelineError } from '../../core/errors.js';
import type { AddressGuard } from '../network/address-guard.js';
import type { AcceptedContext } from './association.js';
import { Association } from './association.js';
import { createPduChannel } from './pdu-channel.js';

export interface OpenAssociationOptions {
  readonly host: string;
  readonly port: number;
  readonly calledAeTitle: string;
  readonly callingAeTitle: string;
  readonly contexts: readonly ProposedContext[];
  readonly roles: readonly RoleSelection[];
  readonly maxPduBytes: number;
  readonly timeoutMs: number;
  readonly implementationClassUID: string;
  readonly implementationVersionName: string;
  /** Absent for a connection without TLS. */
  readonly tls?: ConnectionOptions | undefined;
  /** Which addresses a name may stand for. Absent: any. */
  readonly guard?: Pick<AddressGuard, 'lookup'> | undefined;
}

export interface OpenedAssociation {
  readonly association: Association;
  /** Accepted contexts by id. */
  readonly contexts: ReadonlyMap<number, AcceptedContext>;
}

/**
 * The requestor's side of an association's beginning.
 * @throws PipelineError `delivery-unreachable`, `delivery-timeout`; `delivery-failed` when the peer rejects it
 */
export async function openAssociation(options: OpenAssociationOptions): Promise<OpenedAssociation> {
  const { timeoutMs } = options;
  const socket = await connected(options);
  const channel = createPduChannel(socket, options.maxPduBytes);
  try {
    const request = encodeAssociateRequest({
      protocolVersion: 1,
      calledAeTitle: options.calledAeTitle,
      callingAeTitle: options.callingAeTitle,
      applicationContext: APPLICATION_CONTEXT,
      contexts: options.contexts,
      userInformation: { ...options },
    });
    await channel.write([request], timeoutMs);
    const { type, body } = await channel.next(timeoutMs);
    if (type === PDU_TYPES.associateReject) {
      const { result, source, reason } = decodeAssociateReject(body);
      throw new PipelineError(
        'delivery-failed',
        `the peer rejected the association (result ${result}, source ${source}, reason ${reason}): ` +
          'does it know both AE titles?',
      );
    }
    if (type !== PDU_TYPES.associateAccept) {
      throw new PipelineError('delivery-failed', 'the peer does not speak DICOM');
    }
    const accept = decodeAssociateAccept(body);
    const contexts = new Map<number, AcceptedContext>();
    for (const { id, result, transferSyntax } of accept.contexts) {
      const proposed = options.contexts.find((context) => context.id === id);
      if (result === 0 && proposed !== undefined) {
        contexts.set(id, { abstractSyntax: proposed.abstractSyntax, transferSyntax });
      }
    }
    const association = new Association(channel, {
      contexts,
      peerMaxPduBytes: accept.userInformation.maxPduBytes,
      idleTimeoutMs: timeoutMs,
      state: 'established',
    });
    return { association, contexts };
  } catch (error) {
    channel.close();
    throw error instanceof PipelineError ? error : notOpened(error);
  }
}

/** Nothing has been stored yet, whatever it was. */
function notOpened(cause: unknown): PipelineError {
  return cause instanceof PduError
    ? new PipelineError('delivery-failed', 'the peer does not speak DICOM', { cause })
    : new PipelineError(
        'delivery-unreachable',
        'the peer does not answer the association request',
        {
          cause,
        },
      );
}

function connected({ host, port, timeoutMs, tls, guard }: OpenAssociationOptions): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const place = { host, port, ...(guard && { lookup: guard.lookup }) };
    const serverName = isIP(host) === 0 ? { servername: host } : {};
    const socket = tls ? connectTls({ ...serverName, ...tls, ...place }) : connectPlain(place);
    const fail = (cause?: Error) => {
      clearTimeout(timer);
      socket.destroy();
      reject(
        cause === undefined
          ? new PipelineError('delivery-unreachable', 'the peer cannot be reached in time')
          : transportError(cause),
      );
    };
    const timer = setTimeout(fail, timeoutMs);
    socket.once('error', fail);
    socket.once(tls ? 'secureConnect' : 'connect', () => {
      clearTimeout(timer);
      socket.off('error', fail);
      socket.setNoDelay(true);
      resolve(socket);
    });
  });
}
