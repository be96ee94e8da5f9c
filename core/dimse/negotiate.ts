import type {
  AssociateAccept,
  AssociateReject,
  AssociateRequest,
  ContextAnswer,
  ProposedContext,
  RoleSelection,
} from './pdu.js';
import { APPLICATION_CONTEXT } from './pdu.js';

/** What an acceptor takes. AE titles are compared without padding. */
export interface AcceptancePolicy {
  /** Titles we answer to; undefined for any. */
  readonly calledAeTitles: ReadonlySet<string> | undefined;
  /** Whether a caller of this title may come from where it comes. */
  readonly isKnownCaller: (callingAeTitle: string) => boolean;
  /** Abstract syntax to the transfer syntaxes that we take for it. */
  readonly contexts: ReadonlyMap<string, ReadonlySet<string>>;
  /** Of these the requestor may be SCP. */
  readonly served: ReadonlySet<string>;
  readonly maxPduBytes: number;
  readonly implementationClassUID: string;
  readonly implementationVersionName: string;
}

export type Negotiation =
  | { readonly kind: 'accept'; readonly accept: AssociateAccept }
  | { readonly kind: 'reject'; readonly reject: AssociateReject; readonly why: string };

const PROTOCOL_VERSION_1 = 1;
/** Written where a context is refused; its value has no meaning then. */
const ANY_TRANSFER_SYNTAX = '1.2.840.10008.1.2';

/** For an acceptor that serves as many associations as it may. Source: PS3.8 table 9-21. */
export const LOCAL_LIMIT_EXCEEDED: AssociateReject = { result: 2, source: 3, reason: 2 };

/** The acceptor's answer to a request. Source: PS3.8 7.1, 9.3.3, 9.3.4. */
export function negotiate(request: AssociateRequest, policy: AcceptancePolicy): Negotiation {
  if ((request.protocolVersion & PROTOCOL_VERSION_1) === 0) {
    return reject(2, 2, 'the protocol version is not supported');
  }
  if (request.applicationContext !== APPLICATION_CONTEXT) {
    return reject(1, 2, 'the application context is not supported');
  }
  if (policy.calledAeTitles?.has(request.calledAeTitle) === false) {
    return reject(1, 7, 'the called AE title is not ours');
  }
  if (!policy.isKnownCaller(request.callingAeTitle)) {
    return reject(1, 3, 'the calling AE title is not known');
  }
  return {
    kind: 'accept',
    accept: {
      protocolVersion: PROTOCOL_VERSION_1,
      calledAeTitle: request.calledAeTitle,
      callingAeTitle: request.callingAeTitle,
      applicationContext: APPLICATION_CONTEXT,
      contexts: request.contexts.map((context) => answerContext(context, policy.contexts)),
      userInformation: {
        maxPduBytes: policy.maxPduBytes,
        implementationClassUID: policy.implementationClassUID,
        implementationVersionName: policy.implementationVersionName,
        roles: request.userInformation.roles
          .filter(({ SOPClassUID }) => policy.contexts.has(SOPClassUID))
          .map((role) => answerRole(role, policy.served)),
      },
    },
  };
}

/**
 * Of the transfer syntaxes that we take, the one the requestor names first: it knows what it has and what
 * it would have to convert, and writes its preference first where it has one.
 */
function answerContext(
  { id, abstractSyntax, transferSyntaxes }: ProposedContext,
  accepted: AcceptancePolicy['contexts'],
): ContextAnswer {
  const ours = accepted.get(abstractSyntax);
  if (ours === undefined) {
    return { id, result: 3, transferSyntax: ANY_TRANSFER_SYNTAX };
  }
  const transferSyntax = transferSyntaxes.find((uid) => ours.has(uid));
  return transferSyntax === undefined
    ? { id, result: 4, transferSyntax: ANY_TRANSFER_SYNTAX }
    : { id, result: 0, transferSyntax };
}

/** The requestor may be SCU of everything that we take, and SCP of what we use too. Source: PS3.7 D.3.3.4. */
function answerRole(
  { SOPClassUID, scu, scp }: RoleSelection,
  served: AcceptancePolicy['served'],
): RoleSelection {
  return { SOPClassUID, scu, scp: scp && served.has(SOPClassUID) };
}

function reject(source: 1 | 2 | 3, reason: number, why: string): Negotiation {
  return { kind: 'reject', reject: { result: 1, source, reason }, why };
}
