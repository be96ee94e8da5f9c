/**
 * Protocol data units of the DICOM upper layer: bytes to values and back. Source: PS3.8 9.3.
 * Decoders take the variable part of a PDU (behind type, reserved byte and length) and throw `PduError`.
 */
export const PDU_TYPES = {
  associateRequest: 0x01,
  associateAccept: 0x02,
  associateReject: 0x03,
  data: 0x04,
  releaseRequest: 0x05,
  releaseReply: 0x06,
  abort: 0x07,
} as const;

export const APPLICATION_CONTEXT = '1.2.840.10008.3.1.1.1';

/** Reasons of a provider's abort. Source: PS3.8 table 9-26. */
export const ABORT_REASONS = {
  notSpecified: 0,
  unrecognizedPdu: 1,
  unexpectedPdu: 2,
  unrecognizedParameter: 4,
  unexpectedParameter: 5,
  invalidParameter: 6,
} as const;
export type AbortReason = (typeof ABORT_REASONS)[keyof typeof ABORT_REASONS];

/** The bytes break the protocol; `abortReason` is what to tell the peer. */
export class PduError extends Error {
  readonly abortReason: AbortReason;

  constructor(message: string, abortReason: AbortReason = ABORT_REASONS.invalidParameter) {
    super(message);
    this.name = 'PduError';
    this.abortReason = abortReason;
  }
}

export interface ProposedContext {
  /** Odd, 1 to 255. */
  readonly id: number;
  readonly abstractSyntax: string;
  readonly transferSyntaxes: readonly string[];
}

/** 0 accepted, 3 abstract syntax not supported, 4 no transfer syntax supported. Source: PS3.8 table 9-18. */
export type ContextResult = 0 | 1 | 2 | 3 | 4;

export interface ContextAnswer {
  readonly id: number;
  readonly result: ContextResult;
  /** Meaningful only when accepted. */
  readonly transferSyntax: string;
}

/** Who may be SCU and SCP of a SOP Class on an association. Source: PS3.7 D.3.3.4. */
export interface RoleSelection {
  readonly SOPClassUID: string;
  readonly scu: boolean;
  readonly scp: boolean;
}

export interface UserInformation {
  /** Longest P-DATA-TF variable part that the sender of this item takes; 0 is without limit. */
  readonly maxPduBytes: number;
  readonly implementationClassUID: string;
  readonly implementationVersionName: string;
  readonly roles: readonly RoleSelection[];
}

interface Association {
  readonly protocolVersion: number;
  readonly calledAeTitle: string;
  readonly callingAeTitle: string;
  readonly applicationContext: string;
  readonly userInformation: UserInformation;
}

export interface AssociateRequest extends Association {
  readonly contexts: readonly ProposedContext[];
}

export interface AssociateAccept extends Association {
  readonly contexts: readonly ContextAnswer[];
}

/** Source: PS3.8 table 9-21. */
export interface AssociateReject {
  /** 1 permanent, 2 transient. */
  readonly result: 1 | 2;
  /** 1 service user, 2 service provider (ACSE), 3 service provider (presentation). */
  readonly source: 1 | 2 | 3;
  readonly reason: number;
}

/** A fragment of a command or data set. Source: PS3.8 9.3.5.1, Annex E. */
export interface Pdv {
  readonly contextId: number;
  readonly isCommand: boolean;
  readonly isLast: boolean;
  readonly bytes: Uint8Array;
}

const ITEM = {
  applicationContext: 0x10,
  proposedContext: 0x20,
  contextAnswer: 0x21,
  abstractSyntax: 0x30,
  transferSyntax: 0x40,
  userInformation: 0x50,
  maxLength: 0x51,
  implementationClassUID: 0x52,
  roleSelection: 0x54,
  implementationVersionName: 0x55,
} as const;

const AE_TITLE_BYTES = 16;
/** Version, reserved, two AE titles, 32 reserved bytes. */
const FIXED_BYTES = 68;
const PDV_HEADER_BYTES = 6;

export function encodeAssociateRequest(request: AssociateRequest): Buffer {
  const contexts = request.contexts.map(({ id, abstractSyntax, transferSyntaxes }) =>
    item(ITEM.proposedContext, [
      Buffer.from([id, 0, 0, 0]),
      textItem(ITEM.abstractSyntax, abstractSyntax),
      ...transferSyntaxes.map((uid) => textItem(ITEM.transferSyntax, uid)),
    ]),
  );
  return encodeAssociation(PDU_TYPES.associateRequest, request, contexts);
}

export function encodeAssociateAccept(accept: AssociateAccept): Buffer {
  const contexts = accept.contexts.map(({ id, result, transferSyntax }) =>
    item(ITEM.contextAnswer, [
      Buffer.from([id, 0, result, 0]),
      textItem(ITEM.transferSyntax, transferSyntax),
    ]),
  );
  return encodeAssociation(PDU_TYPES.associateAccept, accept, contexts);
}

export function encodeAssociateReject({ result, source, reason }: AssociateReject): Buffer {
  return pdu(PDU_TYPES.associateReject, [Buffer.from([0, result, source, reason])]);
}

export function encodeReleaseRequest(): Buffer {
  return pdu(PDU_TYPES.releaseRequest, [Buffer.alloc(4)]);
}

export function encodeReleaseReply(): Buffer {
  return pdu(PDU_TYPES.releaseReply, [Buffer.alloc(4)]);
}

/** @param source 0 service user, 2 service provider */
export function encodeAbort(source: 0 | 2, reason: AbortReason): Buffer {
  return pdu(PDU_TYPES.abort, [Buffer.from([0, 0, source, source === 0 ? 0 : reason])]);
}

/** One message part in as many PDUs as the peer's limit asks for. */
export function encodeData(
  contextId: number,
  isCommand: boolean,
  bytes: Uint8Array,
  maxPduBytes: number,
): Buffer[] {
  const room = Math.max(1, (maxPduBytes === 0 ? 0xffff : maxPduBytes) - PDV_HEADER_BYTES);
  const pdus: Buffer[] = [];
  for (let at = 0; at === 0 || at < bytes.length; at += room) {
    const fragment = bytes.subarray(at, at + room);
    const isLast = at + room >= bytes.length;
    const header = Buffer.alloc(PDV_HEADER_BYTES);
    header.writeUInt32BE(fragment.length + 2, 0);
    header[4] = contextId;
    header[5] = (isCommand ? 1 : 0) | (isLast ? 2 : 0);
    pdus.push(pdu(PDU_TYPES.data, [header, fragment]));
  }
  return pdus;
}

export function decodeAssociateRequest(body: Buffer): AssociateRequest {
  const association = decodeAssociation(body);
  const contexts = association.items
    .filter(({ type }) => type === ITEM.proposedContext)
    .map(({ value }) => {
      const parts = readItems(value, 4);
      return {
        id: value[0] ?? 0,
        abstractSyntax: textOf(parts.find(({ type }) => type === ITEM.abstractSyntax)?.value),
        transferSyntaxes: parts
          .filter(({ type }) => type === ITEM.transferSyntax)
          .map((part) => textOf(part.value)),
      };
    });
  const ids = new Set(contexts.map(({ id }) => id));
  if (ids.size < contexts.length || contexts.some(({ id }) => id % 2 === 0)) {
    throw new PduError('presentation context ids are not odd and unique');
  }
  return { ...association.fixed, contexts };
}

export function decodeAssociateAccept(body: Buffer): AssociateAccept {
  const association = decodeAssociation(body);
  const contexts = association.items
    .filter(({ type }) => type === ITEM.contextAnswer)
    .map(({ value }) => ({
      id: value[0] ?? 0,
      result: toContextResult(value[2]),
      transferSyntax: textOf(
        readItems(value, 4).find(({ type }) => type === ITEM.transferSyntax)?.value,
      ),
    }));
  return { ...association.fixed, contexts };
}

export function decodeAssociateReject(body: Buffer): AssociateReject {
  requireBytes(body, 4);
  return {
    result: body[1] === 1 ? 1 : 2,
    source: body[2] === 1 ? 1 : body[2] === 2 ? 2 : 3,
    reason: body[3] ?? 0,
  };
}

/** The fragments of a P-DATA-TF, as views of its bytes. */
export function decodeData(body: Buffer): Pdv[] {
  const fragments: Pdv[] = [];
  for (let at = 0; at < body.length;) {
    requireBytes(body, at + PDV_HEADER_BYTES);
    const length = body.readUInt32BE(at);
    const end = at + 4 + length;
    if (length < 2 || end > body.length) {
      throw new PduError('the length of a fragment does not fit its PDU');
    }
    const control = body[at + 5] ?? 0;
    fragments.push({
      contextId: body[at + 4] ?? 0,
      isCommand: (control & 1) !== 0,
      isLast: (control & 2) !== 0,
      bytes: body.subarray(at + PDV_HEADER_BYTES, end),
    });
    at = end;
  }
  return fragments;
}

function encodeAssociation(type: number, association: Association, contexts: Buffer[]): Buffer {
  const fixed = Buffer.alloc(FIXED_BYTES);
  fixed.writeUInt16BE(association.protocolVersion, 0);
  fixed.write(association.calledAeTitle.padEnd(AE_TITLE_BYTES), 4, AE_TITLE_BYTES, 'latin1');
  fixed.write(association.callingAeTitle.padEnd(AE_TITLE_BYTES), 20, AE_TITLE_BYTES, 'latin1');
  const { userInformation: user } = association;
  const maxLength = Buffer.alloc(4);
  maxLength.writeUInt32BE(user.maxPduBytes);
  return pdu(type, [
    fixed,
    textItem(ITEM.applicationContext, association.applicationContext),
    ...contexts,
    item(ITEM.userInformation, [
      item(ITEM.maxLength, [maxLength]),
      textItem(ITEM.implementationClassUID, user.implementationClassUID),
      ...user.roles.map(encodeRole),
      textItem(ITEM.implementationVersionName, user.implementationVersionName),
    ]),
  ]);
}

function encodeRole({ SOPClassUID, scu, scp }: RoleSelection): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(SOPClassUID.length);
  const roles = Buffer.from([scu ? 1 : 0, scp ? 1 : 0]);
  return item(ITEM.roleSelection, [length, Buffer.from(SOPClassUID, 'latin1'), roles]);
}

interface Item {
  readonly type: number;
  readonly value: Buffer;
}

function decodeAssociation(body: Buffer): { fixed: Association; items: readonly Item[] } {
  requireBytes(body, FIXED_BYTES);
  const items = readItems(body, FIXED_BYTES);
  const find = (type: number) => items.find((found) => found.type === type)?.value;
  const user = readItems(find(ITEM.userInformation) ?? Buffer.alloc(0), 0);
  const findUser = (type: number) => user.find((found) => found.type === type)?.value;
  const maxLength = findUser(ITEM.maxLength);
  return {
    items,
    fixed: {
      protocolVersion: body.readUInt16BE(0),
      calledAeTitle: body.toString('latin1', 4, 20).trim(),
      callingAeTitle: body.toString('latin1', 20, 36).trim(),
      applicationContext: textOf(find(ITEM.applicationContext)),
      userInformation: {
        maxPduBytes: maxLength?.length === 4 ? maxLength.readUInt32BE(0) : 0,
        implementationClassUID: textOf(findUser(ITEM.implementationClassUID)),
        implementationVersionName: textOf(findUser(ITEM.implementationVersionName)),
        roles: user.filter(({ type }) => type === ITEM.roleSelection).map(decodeRole),
      },
    },
  };
}

function decodeRole({ value }: Item): RoleSelection {
  requireBytes(value, 2);
  const length = value.readUInt16BE(0);
  requireBytes(value, length + 4);
  return {
    SOPClassUID: textOf(value.subarray(2, 2 + length)),
    scu: value[2 + length] === 1,
    scp: value[3 + length] === 1,
  };
}

function readItems(bytes: Buffer, start: number): Item[] {
  const items: Item[] = [];
  for (let at = start; at < bytes.length;) {
    requireBytes(bytes, at + 4);
    const end = at + 4 + bytes.readUInt16BE(at + 2);
    requireBytes(bytes, end);
    items.push({ type: bytes[at] ?? 0, value: bytes.subarray(at + 4, end) });
    at = end;
  }
  return items;
}

function toContextResult(value: number | undefined): ContextResult {
  return value === 0 || value === 1 || value === 2 || value === 3 ? value : 4;
}

function requireBytes(bytes: Buffer, length: number): void {
  if (bytes.length < length) {
    throw new PduError('the PDU ends too early');
  }
}

/** UIDs may be padded with NUL, and by some senders with spaces. */
function textOf(bytes: Buffer | undefined): string {
  return bytes?.toString('latin1').replace(/[\0 ]+$/, '') ?? '';
}

function textItem(type: number, text: string): Buffer {
  return item(type, [Buffer.from(text, 'latin1')]);
}

function item(type: number, parts: readonly Uint8Array[]): Buffer {
  const value = Buffer.concat(parts);
  const header = Buffer.alloc(4);
  header[0] = type;
  header.writeUInt16BE(value.length, 2);
  return Buffer.concat([header, value]);
}

function pdu(type: number, parts: readonly Uint8Array[]): Buffer {
  const header = Buffer.alloc(6);
  header[0] = type;
  header.writeUInt32BE(
    parts.reduce((sum, part) => sum + part.length, 0),
    2,
  );
  return Buffer.concat([header, ...parts]);
}
