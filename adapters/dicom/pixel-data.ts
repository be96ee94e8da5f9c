import type { PixelHeader } from '../../core/dicom/instance-header.js';
import { PipelineError } from '../../core/errors.js';
import type { ParsedDataSet } from './data-set.js';

const ITEM = 0xe000;
const SEQUENCE_DELIMITATION_ITEM = 0xe0dd;
const DELIMITER_GROUP = 0xfffe;
/** A tag and a length. Source: PS3.5 A.4. */
export const ITEM_HEADER_BYTES = 8;

/** A frame has one fragment as a rule; a hostile object may hold one in every eight bytes. */
const MAX_FRAGMENTS = 100_000;

/** Where a value stands in `ParsedDataSet.bytes` or in the file. */
export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

export interface FragmentTable {
  /** Basic Offset Table: offsets of the frames' first items from the first fragment's item; may be empty. */
  readonly offsetTable: ByteRange;
  readonly fragments: readonly ByteRange[];
}

export type PixelData =
  | {
      readonly kind: 'native';
      readonly bytes: Uint8Array;
      readonly bigEndian: boolean;
      /** 8-bit samples written as OW in big endian stand in swapped pairs. Source: PS3.5 8.1.2 */
      readonly swappedPairs: boolean;
    }
  | {
      readonly kind: 'encapsulated';
      readonly offsetTable: readonly number[];
      readonly fragments: readonly Uint8Array[];
    };

/**
 * Walks the items of encapsulated Pixel Data (PS3.5 A.4) without holding them: yields the offset of each
 * item's header, is given its eight bytes, and returns the table. So the same rules serve memory and files.
 *
 * Throws `dicom-truncated` when an item or the delimiter lies beyond `sizeBytes`, `pixel-data-corrupt`
 * for anything that is not an item.
 */
export function* walkFragments(
  startOffset: number,
  sizeBytes: number,
): Generator<number, FragmentTable, Uint8Array> {
  const ranges: ByteRange[] = [];
  let offset = startOffset;
  for (;;) {
    if (offset + ITEM_HEADER_BYTES > sizeBytes) {
      throw new PipelineError('dicom-truncated', 'The Pixel Data has no sequence delimiter.');
    }
    const bytes = yield offset;
    const view = new DataView(bytes.buffer, bytes.byteOffset, ITEM_HEADER_BYTES);
    const group = view.getUint16(0, true);
    const element = view.getUint16(2, true);
    const length = view.getUint32(4, true);
    offset += ITEM_HEADER_BYTES;
    if (group === DELIMITER_GROUP && element === SEQUENCE_DELIMITATION_ITEM) {
      break;
    }
    if (group !== DELIMITER_GROUP || element !== ITEM || ranges.length > MAX_FRAGMENTS) {
      throw new PipelineError('pixel-data-corrupt', 'The fragments of the Pixel Data are damaged.');
    }
    if (offset + length > sizeBytes) {
      throw new PipelineError('dicom-truncated', 'A fragment of the Pixel Data is cut off.');
    }
    ranges.push({ offset, length });
    offset += length;
  }
  const [offsetTable, ...fragments] = ranges;
  if (offsetTable === undefined) {
    throw new PipelineError('pixel-data-corrupt', 'The Pixel Data has no offset table item.');
  }
  return { offsetTable, fragments };
}

/** The Pixel Data of a whole object in memory; views, no copies. Throws `pixel-data-missing` too. */
export function locatePixelData(parsed: ParsedDataSet, header: PixelHeader): PixelData {
  const { bytes, pixelData } = parsed;
  if (pixelData === undefined || pixelData.length === 0) {
    throw new PipelineError('pixel-data-missing');
  }
  if (pixelData.length !== undefined) {
    const end = pixelData.offset + pixelData.length;
    if (end > bytes.length) {
      throw new PipelineError('dicom-truncated', 'The Pixel Data is cut off.');
    }
    return {
      kind: 'native',
      bytes: bytes.subarray(pixelData.offset, end),
      bigEndian: parsed.bigEndian,
      swappedPairs: parsed.bigEndian && header.BitsAllocated <= 8 && pixelData.vr === 'OW',
    };
  }
  const walk = walkFragments(pixelData.offset, bytes.length);
  let step = walk.next();
  while (step.done !== true) {
    step = walk.next(bytes.subarray(step.value, step.value + ITEM_HEADER_BYTES));
  }
  const { offsetTable, fragments } = step.value;
  return {
    kind: 'encapsulated',
    offsetTable: readOffsets(
      bytes.subarray(offsetTable.offset, offsetTable.offset + offsetTable.length),
    ),
    fragments: fragments.map(({ offset, length }) => bytes.subarray(offset, offset + length)),
  };
}

/**
 * The fragments of one frame: by the Basic Offset Table; one fragment a frame where the numbers agree
 * (always so with an Extended Offset Table); else by which fragments begin a codestream.
 */
export function fragmentsOfFrame(
  data: Extract<PixelData, { kind: 'encapsulated' }>,
  frame: number,
  frames: number,
): readonly Uint8Array[] {
  const { fragments, offsetTable } = data;
  if (frames === 1) {
    return fragments;
  }
  let firsts: number[];
  if (offsetTable.length === frames) {
    const starts = itemOffsets(fragments);
    firsts = offsetTable.map((offset) => starts.indexOf(offset));
  } else if (fragments.length === frames) {
    firsts = fragments.map((_, index) => index);
  } else {
    firsts = fragments.flatMap((fragment, index) => (beginsCodestream(fragment) ? index : []));
  }
  const first = firsts[frame];
  if (firsts.length !== frames || first === undefined || firsts.includes(-1)) {
    throw new PipelineError('pixel-data-corrupt', 'The fragments cannot be assigned to frames.');
  }
  return fragments.slice(first, firsts[frame + 1] ?? fragments.length);
}

/** Offsets of the fragments' item headers from the first one, as the Basic Offset Table counts. */
function itemOffsets(fragments: readonly Uint8Array[]): number[] {
  let offset = 0;
  return fragments.map((fragment) => {
    const start = offset;
    offset += ITEM_HEADER_BYTES + fragment.length;
    return start;
  });
}

/** JPEG and JPEG-LS begin with SOI (FFD8), JPEG 2000 with SOC (FF4F). */
function beginsCodestream(fragment: Uint8Array): boolean {
  return fragment[0] === 0xff && (fragment[1] === 0xd8 || fragment[1] === 0x4f);
}

function readOffsets(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: Math.floor(bytes.byteLength / 4) }, (_, index) =>
    view.getUint32(4 * index, true),
  );
}
