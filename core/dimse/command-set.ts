/**
 * Command sets of DIMSE messages: always implicit VR little endian, group 0000, in ascending order.
 * Source: PS3.7 6.3.1, Annex E.
 */
import { PduError } from './pdu.js';

export const COMMAND_FIELDS = {
  cStoreRequest: 0x0001,
  cStoreResponse: 0x8001,
  cEchoRequest: 0x0030,
  cEchoResponse: 0x8030,
  nEventReportRequest: 0x0100,
  nEventReportResponse: 0x8100,
  nActionRequest: 0x0130,
  nActionResponse: 0x8130,
  cCancelRequest: 0x0fff,
} as const;

/** Added to a request's command field, it is the response's. */
export const RESPONSE_BIT = 0x8000;

/** Statuses that are not in the error table, because they are no failures of an object. Source: PS3.7 Annex C. */
export const DIMSE_STATUS = {
  success: 0x0000,
  noSuchObjectInstance: 0x0112,
  noSuchEventType: 0x0113,
  invalidArgumentValue: 0x0115,
  classInstanceConflict: 0x0119,
  noSuchAction: 0x0123,
  unrecognizedOperation: 0x0211,
  mistypedArgument: 0x0212,
  sopClassNotSupported: 0x0122,
} as const;

const NO_DATA_SET = 0x0101;
/** Any other value says that there is one; this is the one that DCMTK writes. */
const WITH_DATA_SET = 0x0001;

/** Element numbers in group 0000 of what we read and write. */
const ELEMENTS = {
  AffectedSOPClassUID: [0x0002, 'UI'],
  RequestedSOPClassUID: [0x0003, 'UI'],
  CommandField: [0x0100, 'US'],
  MessageID: [0x0110, 'US'],
  MessageIDBeingRespondedTo: [0x0120, 'US'],
  Priority: [0x0700, 'US'],
  CommandDataSetType: [0x0800, 'US'],
  Status: [0x0900, 'US'],
  ErrorComment: [0x0902, 'LO'],
  AffectedSOPInstanceUID: [0x1000, 'UI'],
  RequestedSOPInstanceUID: [0x1001, 'UI'],
  EventTypeID: [0x1002, 'US'],
  ActionTypeID: [0x1008, 'US'],
} as const;

type Keyword = keyof typeof ELEMENTS;
type ValueOf<K extends Keyword> = (typeof ELEMENTS)[K][1] extends 'US' ? number : string;

/** The elements of a command set that we know, by keyword. */
export type CommandSet = { readonly [K in Keyword]?: ValueOf<K> };

const KEYWORDS = new Map(
  (Object.keys(ELEMENTS) as Keyword[]).map((keyword) => [ELEMENTS[keyword][0] as number, keyword]),
);
/** Longest ErrorComment. Source: PS3.7 table E.1-1, VR LO. */
const COMMENT_CHARACTERS = 64;

/** As DICOM writes a status or Failure Reason: four hexadecimal digits. */
export function statusHex(status: number): string {
  return status.toString(16).toUpperCase().padStart(4, '0');
}

export function hasDataSet(command: CommandSet): boolean {
  return (command.CommandDataSetType ?? NO_DATA_SET) !== NO_DATA_SET;
}

/** With Command Group Length and the word on whether a data set follows. */
export function encodeCommand(
  command: Omit<CommandSet, 'CommandDataSetType'>,
  withDataSet = false,
): Buffer {
  const whole: CommandSet = {
    ...command,
    CommandDataSetType: withDataSet ? WITH_DATA_SET : NO_DATA_SET,
  };
  const elements = (Object.keys(whole) as Keyword[])
    .filter((keyword) => whole[keyword] !== undefined)
    .sort((a, b) => ELEMENTS[a][0] - ELEMENTS[b][0])
    .map((keyword) => encodeElement(ELEMENTS[keyword][0], encodeValue(keyword, whole[keyword])));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(elements.reduce((sum, element) => sum + element.length, 0));
  return Buffer.concat([encodeElement(0x0000, length), ...elements]);
}

/** @throws PduError for bytes that are not a command set */
export function decodeCommand(bytes: Uint8Array): CommandSet {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const command: Partial<Record<Keyword, string | number>> = {};
  for (let at = 0; at < view.length;) {
    if (at + 8 > view.length || view.readUInt16LE(at) !== 0) {
      throw new PduError('not a command set');
    }
    const length = view.readUInt32LE(at + 4);
    const value = view.subarray(at + 8, at + 8 + length);
    if (value.length < length) {
      throw new PduError('a command set ends too early');
    }
    const keyword = KEYWORDS.get(view.readUInt16LE(at + 2));
    if (keyword !== undefined) {
      const isNumber = ELEMENTS[keyword][1] === 'US';
      if (isNumber && length !== 2) {
        throw new PduError('a number of a command set has not two bytes');
      }
      command[keyword] = isNumber
        ? value.readUInt16LE(0)
        : value.toString('latin1').replace(/[\0 ]+$/, '');
    }
    at += 8 + length;
  }
  return command as CommandSet;
}

function encodeValue(keyword: Keyword, value: string | number | undefined): Buffer {
  if (typeof value === 'number') {
    const bytes = Buffer.alloc(2);
    bytes.writeUInt16LE(value);
    return bytes;
  }
  const vr = ELEMENTS[keyword][1];
  const text = vr === 'LO' ? (value ?? '').slice(0, COMMENT_CHARACTERS) : (value ?? '');
  const padding = vr === 'UI' ? '\0' : ' ';
  return Buffer.from(text.length % 2 === 0 ? text : `${text}${padding}`, 'latin1');
}

function encodeElement(element: number, value: Buffer): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt16LE(element, 2);
  header.writeUInt32LE(value.length, 4);
  return Buffer.concat([header, value]);
}
