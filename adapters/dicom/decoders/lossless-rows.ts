import { PipelineError } from '../../../core/errors.js';
import type { EntropySegment } from './entropy-segments.js';
import type { JpegFrameHeader } from './jpeg-markers.js';
import { CATEGORY_WITHOUT_BITS, extend, LOOK_UP_BITS } from './lossless-differences.js';
import type { DifferenceTable } from './lossless-differences.js';

const SHIFT = 32 - LOOK_UP_BITS;

/** Bytes that encoders append behind the last code besides its padding bits. */
const MAX_TRAILING_BITS = 32;

export interface LosslessScan {
  readonly frame: JpegFrameHeader;
  /** Shape: [height, width, components]; the scan's components are written. */
  readonly output: Uint8Array | Uint16Array;
  /** Position of each of the scan's components within a pixel, and its table. */
  readonly offsets: readonly number[];
  readonly tables: readonly DifferenceTable[];
  readonly predictor: number;
  readonly pointTransform: number;
  readonly intervals: readonly {
    readonly segment: EntropySegment;
    readonly firstRow: number;
    readonly endRow: number;
  }[];
}

/**
 * Decodes the samples of a scan. Throws `pixel-data-corrupt` when data ends early, much is left over, a code
 * does not exist or a sample exceeds the precision. Source: T.81 H.1.2 and H.2.
 */
export function decodeRows(scan: LosslessScan): void {
  const { frame, output, offsets, tables, predictor } = scan;
  const [table] = tables;
  for (const { segment, firstRow, endRow } of scan.intervals) {
    const view = new DataView(
      segment.bytes.buffer,
      segment.bytes.byteOffset,
      segment.bytes.byteLength,
    );
    const endBits = 8 * segment.length;
    let position = 0;
    for (let row = firstRow; row < endRow; row += 1) {
      const first = row === firstRow;
      position =
        predictor === 1 && frame.components === 1 && table !== undefined
          ? decodeRowFromLeft(scan, table, view, position, row, first)
          : decodeRow(scan, view, position, row, first);
      // The padding behind the data is long enough for a row, so this is soon enough.
      if (position > endBits) {
        throw damaged();
      }
    }
    if (endBits - position > MAX_TRAILING_BITS) {
      throw damaged();
    }
  }
  finish(output, offsets, frame, scan.pointTransform);
}

/**
 * One component predicted from its left neighbour (selection value 1): nearly all radiographs. Two samples
 * from one read: behind a short code at least 13 of its 25 bits are left, enough for another look-up.
 */
function decodeRowFromLeft(
  { frame, output, pointTransform }: LosslessScan,
  table: DifferenceTable,
  view: DataView,
  start: number,
  row: number,
  first: boolean,
): number {
  const { whole } = table;
  const begin = row * frame.width;
  const end = begin + frame.width;
  let position = start;
  // Before the first sample stands the one above, or the middle of the range. All reads are in bounds.
  let left = first ? 1 << (frame.precision - pointTransform - 1) : output[begin - frame.width]!;
  let at = begin;
  while (at < end) {
    const bits = view.getInt32(position >>> 3) << (position & 7);
    const entry = whole[bits >>> SHIFT]!;
    if (entry === 0) {
      const category = table.categories[bits >>> 16]!;
      left = (left + longDifference(view, position, category)) & 0xffff;
      position += bitsTaken(category);
      output[at] = left;
      at += 1;
      continue;
    }
    position += entry & 255;
    left = (left + (entry >> 8)) & 0xffff;
    output[at] = left;
    at += 1;
    const second = whole[(bits << (entry & 31)) >>> SHIFT]!;
    if (second !== 0 && at < end) {
      position += second & 255;
      left = (left + (second >> 8)) & 0xffff;
      output[at] = left;
      at += 1;
    }
  }
  return position;
}

function decodeRow(
  { frame, output, offsets, tables, predictor, pointTransform }: LosslessScan,
  view: DataView,
  start: number,
  row: number,
  first: boolean,
): number {
  const stride = frame.components;
  const rowLength = frame.width * stride;
  const begin = row * rowLength;
  let position = start;
  for (let column = 0; column < frame.width; column += 1) {
    for (let index = 0; index < offsets.length; index += 1) {
      const at = begin + column * stride + offsets[index]!;
      const { whole, categories } = tables[index]!;
      let prediction: number;
      if (column === 0) {
        prediction = first ? 1 << (frame.precision - pointTransform - 1) : output[at - rowLength]!;
      } else if (first) {
        prediction = output[at - stride]!;
      } else {
        prediction = predict(
          predictor,
          output[at - stride]!,
          output[at - rowLength]!,
          output[at - rowLength - stride]!,
        );
      }
      const bits = view.getUint32(position >>> 3) << (position & 7);
      const entry = whole[bits >>> SHIFT]!;
      if (entry !== 0) {
        position += entry & 255;
        output[at] = (prediction + (entry >> 8)) & 0xffff;
      } else {
        const category = categories[bits >>> 16]!;
        output[at] = (prediction + longDifference(view, position, category)) & 0xffff;
        position += bitsTaken(category);
      }
    }
  }
  return position;
}

/** Source: T.81 Table H.1. `a` left, `b` above, `c` above left. */
function predict(predictor: number, a: number, b: number, c: number): number {
  switch (predictor) {
    case 1:
      return a;
    case 2:
      return b;
    case 3:
      return c;
    case 4:
      return a + b - c;
    case 5:
      return a + ((b - c) >> 1);
    case 6:
      return b + ((a - c) >> 1);
    default:
      return (a + b) >> 1;
  }
}

/** A difference that does not fit the short table. `entry`: length of the code << 8 | category. */
function longDifference(view: DataView, position: number, entry: number): number {
  if (entry === 0) {
    throw damaged();
  }
  const category = entry & 255;
  if (category === 0 || category === CATEGORY_WITHOUT_BITS) {
    return extend(0, category);
  }
  const at = position + (entry >> 8);
  const bits = view.getUint32(at >>> 3) << (at & 7);
  return extend(bits >>> (32 - category), category);
}

function bitsTaken(entry: number): number {
  const category = entry & 255;
  return (entry >> 8) + (category === CATEGORY_WITHOUT_BITS ? 0 : category);
}

/** Samples beyond the precision betray damage that the codes did not. Then undoes the point transform. */
function finish(
  output: Uint8Array | Uint16Array,
  offsets: readonly number[],
  frame: JpegFrameHeader,
  pointTransform: number,
): void {
  const highest = 2 ** (frame.precision - pointTransform) - 1;
  const stride = frame.components;
  for (const offset of offsets) {
    let used = 0;
    for (let at = offset; at < output.length; at += stride) {
      used |= output[at]!;
    }
    if ((used & ~highest) !== 0) {
      throw damaged();
    }
    if (pointTransform > 0) {
      for (let at = offset; at < output.length; at += stride) {
        output[at] = output[at]! << pointTransform;
      }
    }
  }
}

function damaged(): PipelineError {
  return new PipelineError('pixel-data-corrupt', 'The JPEG lossless stream is cut off or damaged.');
}
