import { PipelineError } from '../../core/errors.js';

const PREAMBLE_LENGTH = 128;
const META_GROUP = 0x0002;
const IDENTIFYING_GROUP = 0x0008;
const TRANSFER_SYNTAX_ELEMENT = 0x0010;

/** VRs whose length field has 32 bits behind two reserved bytes. Source: PS3.5 7.1.2. */
const LONG_VRS: ReadonlySet<string> = new Set('OB OD OF OL OV OW SQ SV UC UN UR UT UV'.split(' '));

export interface DataSetStart {
  readonly TransferSyntaxUID: string | undefined;
  /** Offset of the first element behind the File Meta Information. */
  readonly offset: number;
}

/**
 * Finds the data set behind preamble and File Meta Information (PS3.10 7.1). `bare` also takes objects
 * that begin with the meta group or, without any, with group 0008; their transfer syntax is guessed from
 * how the first element is written. Group length (0002,0000) is not trusted: it is wrong in real files.
 *
 * Returns undefined when the bytes end too early. Throws `dicom-unreadable` for what is not DICOM.
 */
export function findDataSet(bytes: Uint8Array, bare: boolean): DataSetStart | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (hasPrefix(bytes)) {
    return readMeta(view, PREAMBLE_LENGTH + 4, bare);
  }
  if (!bare) {
    if (bytes.length < PREAMBLE_LENGTH + 4) {
      return undefined;
    }
    throw new PipelineError('dicom-unreadable', 'There is no DICM prefix behind the preamble.');
  }
  if (bytes.length < 8) {
    return undefined;
  }
  if (view.getUint16(0, true) === META_GROUP) {
    return readMeta(view, 0, bare);
  }
  return { TransferSyntaxUID: guessTransferSyntax(view, 0), offset: 0 };
}

/** Whether the bytes are a DICOM file with preamble: DICM at byte 128. */
export function hasPrefix(bytes: Uint8Array): boolean {
  return (
    bytes.length >= PREAMBLE_LENGTH + 4 &&
    bytes[PREAMBLE_LENGTH] === 0x44 &&
    bytes[PREAMBLE_LENGTH + 1] === 0x49 &&
    bytes[PREAMBLE_LENGTH + 2] === 0x43 &&
    bytes[PREAMBLE_LENGTH + 3] === 0x4d
  );
}

/** The meta group is always explicit little endian (PS3.10 7.1). */
function readMeta(view: DataView, start: number, guess: boolean): DataSetStart | undefined {
  let offset = start;
  let TransferSyntaxUID: string | undefined;
  while (offset + 8 <= view.byteLength && view.getUint16(offset, true) === META_GROUP) {
    const element = view.getUint16(offset + 2, true);
    const long = LONG_VRS.has(latin1(view, offset + 4, 2));
    if (long && offset + 12 > view.byteLength) {
      return undefined;
    }
    const length = long ? view.getUint32(offset + 8, true) : view.getUint16(offset + 6, true);
    offset += long ? 12 : 8;
    if (element === TRANSFER_SYNTAX_ELEMENT && offset + length <= view.byteLength) {
      TransferSyntaxUID = latin1(view, offset, length);
    }
    offset += length;
  }
  if (offset + 8 > view.byteLength) {
    return undefined;
  }
  return {
    TransferSyntaxUID: TransferSyntaxUID ?? (guess ? guessTransferSyntax(view, offset) : undefined),
    offset,
  };
}

/** The three uncompressed encodings differ in the first eight bytes. Source: PS3.5 7.1, Annex A. */
function guessTransferSyntax(view: DataView, offset: number): string {
  const explicit = /^[A-Z]{2}$/.test(latin1(view, offset + 4, 2));
  if (view.getUint16(offset, true) === IDENTIFYING_GROUP) {
    return explicit ? '1.2.840.10008.1.2.1' : '1.2.840.10008.1.2';
  }
  if (view.getUint16(offset, false) === IDENTIFYING_GROUP && explicit) {
    return '1.2.840.10008.1.2.2';
  }
  throw new PipelineError('dicom-unreadable', 'The file does not begin like a DICOM object.');
}

function latin1(view: DataView, offset: number, length: number): string {
  return Buffer.from(view.buffer, view.byteOffset + offset, length).toString('latin1');
}
