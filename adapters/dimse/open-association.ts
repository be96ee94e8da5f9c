import { connect as connectPlain } from 'node:net';
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
} from '../../core/dimse/pdu.js';
import { PipelineError } from '../../core/errors.js';
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
}

export interface OpenedAssociation {
  readonly association: Association;
  /** Accepted contexts by id. */
  readonly contexts: ReadonlyMap<number, AcceptedContext>;
}

/**
 * The requestor's side of an association's beginning.
 * @throws PipelineError `delivery-unreachable`, `delivery-rejected`
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
      const { source, reason } = decodeAssociateReject(body);
      const context = { source, reason };
      throw new PipelineError('delivery-rejected', 'The association is rejected.', { context });
    }
    if (type !== PDU_TYPES.associateAccept) {
      throw new PipelineError('delivery-unreachable', 'The peer does not answer the association.');
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
    throw error instanceof PipelineError
      ? error
      : new PipelineError('delivery-unreachable', undefined, { cause: error });
  }
}

function connected({ host, port, timeoutMs, tls }: OpenAssociationOptions): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = tls ? connectTls({ ...tls, host, port }) : connectPlain({ host, port });
    const fail = (cause?: Error) => {
      clearTimeout(timer);
      socket.destroy();
      reject(new PipelineError('delivery-unreachable', undefined, { cause }));
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
