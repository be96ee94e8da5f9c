/**
 * The PDUs of the DICOM upper layer that a storage SCU sends and receives. Source: PS3.8 9.3.
 *
 * Ours, because what is sent must leave as the bytes that were built: the library at hand takes a data set
 * apart and writes it anew, in another character set.
 */
import { APPLICATION_CONTEXT, PDU_TYPES } from '../../core/dimse/pdu.js';

/** What we can take in one PDU; answers are a few hundred bytes. */
const MAX_PDU_LENGTH = 16_384;
/** Larger PDUs are cut by the peer's limit; those without one get this. */
const DEFAULT_PEER_LIMIT = 1024 * 1024;

export interface PresentationContext {
  /** Odd, 1 to 255. */
  readonly id: number;
  readonly SOPClassUID: string;
  readonly TransferSyntaxUID: string;
}

export interface AssociationRequest {
  readonly calledAeTitle: string;
  readonly callingAeTitle: string;
  readonly contexts: readonly PresentationContext[];
  readonly ImplementationClassUID: string;
  readonly ImplementationVersionName: string;
}

export interface AssociationAccept {
  /** Ids of the presentation contexts that the peer takes. */
  readonly accepted: ReadonlySet<number>;
  /** Longest PDU that the peer takes, without its six bytes of header. */
  readonly maxPduLength: number;
}

export function encodeAssociateRequest(request: AssociationRequest): Buffer {
  const fixed = Buffer.alloc(68);
  fixed.writeUInt16BE(1, 0);
  fixed.write(request.calledAeTitle.padEnd(16), 4, 'latin1');
  fixed.write(request.callingAeTitle.padEnd(16), 20, 'latin1');
  const maxLength = Buffer.alloc(4);
  maxLength.writeUInt32BE(MAX_PDU_LENGTH);
  return pdu(
    PDU_TYPES.associateRequest,
    fixed,
    item(0x10, ascii(APPLICATION_CONTEXT)),
    ...request.contexts.map(({ id, SOPClassUID, TransferSyntaxUID }) =>
      item(
        0x20,
        Uint8Array.of(id, 0, 0, 0),
        item(0x30, ascii(SOPClassUID)),
        item(0x40, ascii(TransferSyntaxUID)),
      ),
    ),
    item(
      0x50,
      item(0x51, maxLength),
      item(0x52, ascii(request.ImplementationClassUID)),
      item(0x55, ascii(request.ImplementationVersionName)),
    ),
  );
}

/** @throws RangeError for a body that is shorter than it says */
export function decodeAssociateAccept(body: Buffer): AssociationAccept {
  const accepted = new Set<number>();
  let maxPduLength = 0;
  for (const { type, value } of items(body.subarray(68))) {
    if (type === 0x21 && value.readUInt8(2) === 0) {
      accepted.add(value.readUInt8(0));
    }
    if (type === 0x50) {
      for (const sub of items(value)) {
        if (sub.type === 0x51) {
          maxPduLength = sub.value.readUInt32BE(0);
        }
      }
    }
  }
  return { accepted, maxPduLength: maxPduLength === 0 ? DEFAULT_PEER_LIMIT : maxPduLength };
}

/** A message as P-DATA-TF PDUs of at most `maxPduLength`: the command, then the data set. */
export function* encodeMessage(
  contextId: number,
  command: Buffer,
  dataSet: Buffer,
  maxPduLength: number,
): Generator<Buffer> {
  const room = Math.max(128, maxPduLength - 6);
  for (const [bytes, flag] of [
    [command, 1],
    [dataSet, 0],
  ] as const) {
    for (let offset = 0; offset < bytes.length; offset += room) {
      const part = bytes.subarray(offset, offset + room);
      const head = Buffer.alloc(6);
      head.writeUInt32BE(part.length + 2, 0);
      head.writeUInt8(contextId, 4);
      head.writeUInt8(flag | (offset + room >= bytes.length ? 2 : 0), 5);
      yield pdu(PDU_TYPES.data, head, part);
    }
  }
}

/** The command fragments of a P-DATA-TF body, and whether the last one is among them. */
export function decodeCommandFragments(body: Buffer): { bytes: Buffer; last: boolean } {
  const parts: Buffer[] = [];
  let last = false;
  for (let offset = 0; offset < body.length;) {
    const length = body.readUInt32BE(offset);
    const control = body.readUInt8(offset + 5);
    if ((control & 1) === 1) {
      parts.push(body.subarray(offset + 6, offset + 4 + length));
      last ||= (control & 2) === 2;
    }
    offset += 4 + length;
  }
  return { bytes: Buffer.concat(parts), last };
}

/** C-STORE-RQ in Implicit VR Little Endian. Source: PS3.7 9.3.1.1. */
export function encodeStoreRequest(
  messageId: number,
  { SOPClassUID, SOPInstanceUID }: { SOPClassUID: string; SOPInstanceUID: string },
): Buffer {
  const elements = Buffer.concat([
    element(0x0002, uid(SOPClassUID)),
    element(0x0100, uint16(0x0001)),
    element(0x0110, uint16(messageId)),
    element(0x0700, uint16(0x0000)),
    element(0x0800, uint16(0x0000)),
    element(0x1000, uid(SOPInstanceUID)),
  ]);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(elements.length);
  return Buffer.concat([element(0x0000, length), elements]);
}

/** Status (0000,0900) of a response; undefined when it has none. */
export function readStatus(command: Buffer): number | undefined {
  for (let offset = 0; offset + 8 <= command.length;) {
    const number = command.readUInt16LE(offset + 2);
    const length = command.readUInt32LE(offset + 4);
    if (number === 0x0900 && offset + 10 <= command.length) {
      return command.readUInt16LE(offset + 8);
    }
    offset += 8 + length;
  }
  return undefined;
}

export function encodeReleaseRequest(): Buffer {
  return pdu(PDU_TYPES.releaseRequest, Buffer.alloc(4));
}

function pdu(type: number, ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  const head = Buffer.alloc(6);
  head.writeUInt8(type, 0);
  head.writeUInt32BE(body.length, 2);
  return Buffer.concat([head, body]);
}

function item(type: number, ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  const head = Buffer.alloc(4);
  head.writeUInt8(type, 0);
  head.writeUInt16BE(body.length, 2);
  return Buffer.concat([head, body]);
}

function* items(bytes: Buffer): Generator<{ type: number; value: Buffer }> {
  for (let offset = 0; offset + 4 <= bytes.length;) {
    const length = bytes.readUInt16BE(offset + 2);
    yield { type: bytes.readUInt8(offset), value: bytes.subarray(offset + 4, offset + 4 + length) };
    offset += 4 + length;
  }
}

function element(number: number, value: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt16LE(number, 2);
  head.writeUInt32LE(value.length, 4);
  return Buffer.concat([head, value]);
}

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return bytes;
}

function uid(value: string): Buffer {
  return ascii(value.length % 2 === 0 ? value : `${value}\0`);
}

function ascii(value: string): Buffer {
  return Buffer.from(value, 'latin1');
}
