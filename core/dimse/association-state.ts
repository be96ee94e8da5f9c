import { PDU_TYPES } from './pdu.js';

/**
 * Where an association stands, for acceptor and requestor. Source: PS3.8 9.2.
 *
 * - `awaiting-request` (Sta2): the transport is open; only an A-ASSOCIATE-RQ may come.
 * - `awaiting-answer` (Sta5): our request is sent; its acceptance or rejection may come.
 * - `established` (Sta6): data, or the peer's wish to release.
 * - `awaiting-release` (Sta7): we wish to release; the peer may still send data, agree, or wish the same.
 * - `closed` (Sta13): nothing more is read.
 *
 * Sta3, Sta4 and Sta8 to Sta12 are moments in which we read nothing, so no PDU can come in them.
 */
export const ASSOCIATION_STATES = [
  'awaiting-request',
  'awaiting-answer',
  'established',
  'awaiting-release',
  'closed',
] as const;
export type AssociationState = (typeof ASSOCIATION_STATES)[number];

type PduType = (typeof PDU_TYPES)[keyof typeof PDU_TYPES];

const { associateRequest, associateAccept, associateReject, data } = PDU_TYPES;
const { releaseRequest, releaseReply, abort } = PDU_TYPES;

/** State to the PDUs that may come in it and the state they lead to. Everything else is aborted (AA-8). */
const TRANSITIONS: Readonly<
  Record<AssociationState, Readonly<Partial<Record<PduType, AssociationState>>>>
> = {
  'awaiting-request': { [associateRequest]: 'established', [abort]: 'closed' },
  'awaiting-answer': {
    [associateAccept]: 'established',
    [associateReject]: 'closed',
    [abort]: 'closed',
  },
  established: { [data]: 'established', [releaseRequest]: 'closed', [abort]: 'closed' },
  'awaiting-release': {
    [data]: 'awaiting-release',
    [releaseReply]: 'closed',
    // Release collision (9.2.3, Sta9): we answer, and our own request is answered after that.
    [releaseRequest]: 'awaiting-release',
    [abort]: 'closed',
  },
  closed: {},
};

export type PduVerdict =
  | { readonly kind: 'expected'; readonly next: AssociationState }
  | { readonly kind: 'unexpected' }
  | { readonly kind: 'unrecognized' };

/** What a PDU of this type means in this state. */
export function judgePdu(state: AssociationState, type: number): PduVerdict {
  if (!isPduType(type)) {
    return { kind: 'unrecognized' };
  }
  const next = TRANSITIONS[state][type];
  return next === undefined ? { kind: 'unexpected' } : { kind: 'expected', next };
}

function isPduType(type: number): type is PduType {
  return type >= PDU_TYPES.associateRequest && type <= PDU_TYPES.abort;
}
