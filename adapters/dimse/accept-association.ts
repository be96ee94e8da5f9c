import type { AcceptancePolicy, Negotiation } from '../../core/dimse/negotiate.js';
import { negotiate } from '../../core/dimse/negotiate.js';
import { judgePdu } from '../../core/dimse/association-state.js';
import type { AssociateReject, AssociateRequest } from '../../core/dimse/pdu.js';
import {
  ABORT_REASONS,
  decodeAssociateRequest,
  encodeAbort,
  encodeAssociateAccept,
  encodeAssociateReject,
  PDU_TYPES,
  PduError,
} from '../../core/dimse/pdu.js';
import type { AcceptedContext } from './association.js';
import { Association } from './association.js';
import type { Pdu, PduChannel } from './pdu-channel.js';
import { AssociationEnded } from './pdu-channel.js';

export type Accepted =
  | {
      readonly kind: 'accepted';
      readonly association: Association;
      readonly request: AssociateRequest;
    }
  /** Rejected, or no request came that could be answered. The connection is closed. */
  | { readonly kind: 'refused'; readonly why: string; readonly titles: AeTitles | undefined };

type AeTitles = Pick<AssociateRequest, 'calledAeTitle' | 'callingAeTitle'>;

export interface AcceptOptions {
  /** For the whole request, from the connection on (the ARTIM timer, PS3.8 9.1.4). */
  readonly requestTimeoutMs: number;
  readonly idleTimeoutMs: number;
  /** Turns a request away that would be accepted, when there is no room for it. */
  readonly turnAway: () => AssociateReject | undefined;
}

/** The acceptor's side of an association's beginning. Never throws for what a peer does. */
export async function acceptAssociation(
  channel: PduChannel,
  policy: AcceptancePolicy,
  options: AcceptOptions,
): Promise<Accepted> {
  let request: AssociateRequest;
  try {
    request = readRequest(await channel.next(options.requestTimeoutMs));
  } catch (error) {
    if (error instanceof PduError) {
      channel.close(encodeAbort(2, error.abortReason));
      return refused(`no association request: ${error.message}`);
    }
    if (error instanceof AssociationEnded) {
      channel.close();
      return refused(`no association request: ${error.how}`);
    }
    throw error;
  }
  const negotiation = withRoom(negotiate(request, policy), options);
  if (negotiation.kind === 'reject') {
    channel.close(encodeAssociateReject(negotiation.reject));
    return refused(negotiation.why, request);
  }
  const { accept } = negotiation;
  const proposed = new Map(request.contexts.map((context) => [context.id, context]));
  const contexts = new Map<number, AcceptedContext>();
  for (const { id, result, transferSyntax } of accept.contexts) {
    const abstractSyntax = proposed.get(id)?.abstractSyntax;
    if (result === 0 && abstractSyntax !== undefined) {
      contexts.set(id, { abstractSyntax, transferSyntax });
    }
  }
  try {
    await channel.write([encodeAssociateAccept(accept)], options.idleTimeoutMs);
  } catch {
    channel.close();
    return refused('the connection was lost', request);
  }
  const association = new Association(channel, {
    contexts,
    peerMaxPduBytes: request.userInformation.maxPduBytes,
    idleTimeoutMs: options.idleTimeoutMs,
    state: 'established',
  });
  return { kind: 'accepted', association, request };
}

function readRequest({ type, body }: Pdu): AssociateRequest {
  if (judgePdu('awaiting-request', type).kind !== 'expected' || type === PDU_TYPES.abort) {
    throw new PduError('another PDU came', ABORT_REASONS.unexpectedPdu);
  }
  return decodeAssociateRequest(body);
}

function withRoom(negotiation: Negotiation, { turnAway }: AcceptOptions): Negotiation {
  const reject = negotiation.kind === 'accept' ? turnAway() : undefined;
  return reject === undefined
    ? negotiation
    : { kind: 'reject', reject, why: 'too many associations' };
}

function refused(why: string, titles?: AeTitles): Accepted {
  return { kind: 'refused', why, titles };
}
