import { PipelineError } from '../../../core/errors.js';
import type { Address, Kernel } from '../../../core/kernel/kernel.js';
import type { JpegFrameHeader, JpegSegment } from './jpeg-markers.js';

const LSE = 0xf8;
const DRI = 0xdd;
const SOS = 0xda;
/** Kind of an LSE segment that holds the coding parameters. Source: T.87 C.2.4.1. */
const PRESETS = 1;

const CONTEXT_RESET = 64;
/** The kernel counts with 16 bits. */
const MAX_RESET = 16384;
/** Bits that a sample can take: its code at the limit, and the lengths of damaged ones. */
const MAX_BYTES_PER_SAMPLE = 12;
/** Bits that encoders append behind the last code: up to a whole byte, and one more behind FF. */
const MAX_TRAILING_BITS = 32;
/** Positions in a scan are counted in bits, with 32 of them. */
const MAX_STREAM_BYTES = 2 ** 28;

/** Places of 32 bits in `Scan` of core/kernel/jpegls.c. */
const FIELDS = {
  first: 0,
  endBits: 1,
  position: 2,
  width: 3,
  maxval: 4,
  bits: 5,
  reset: 6,
  start: 7,
  quantised: 8,
  lines: 9,
  next: 11,
} as const;
const FIELD_COUNT = 12;

/** A scan that the kernel decodes: lossless, of one component, without restart intervals. */
export interface JpegLsScan {
  readonly stream: Uint8Array;
  /** Offset of the entropy-coded data. */
  readonly offset: number;
  readonly width: number;
  readonly height: number;
  readonly bits: number;
  /** Differences from which on they are quantised to 2, 3 and 4. */
  readonly thresholds: readonly [number, number, number];
  /** Occurrences after which a context's sums are halved. */
  readonly reset: number;
}

/**
 * The only scan of a stream. Undefined where the kernel cannot decode it: near-lossless, colour, mapping tables,
 * restart intervals, a highest value that is not all ones.
 */
export function readJpegLsScan(
  stream: Uint8Array,
  segments: readonly JpegSegment[],
  { width, height, precision, components }: JpegFrameHeader,
): JpegLsScan | undefined {
  const sos = segments.at(-1);
  if (sos?.marker !== SOS || sos.length < 6 || components !== 1 || precision < 2) {
    return undefined;
  }
  if (precision > 16 || width === 0 || height === 0) {
    return undefined;
  }
  const uint16 = (at: number) => ((stream[at] ?? 0) << 8) | (stream[at + 1] ?? 0);
  const highest = 2 ** precision - 1;
  let presets = [0, 0, 0, 0, 0];
  for (const { marker, offset, length } of segments) {
    if (marker === DRI || (marker === LSE && (stream[offset] !== PRESETS || length < 11))) {
      return undefined;
    }
    if (marker === LSE) {
      presets = presets.map((_, index) => uint16(offset + 1 + 2 * index));
    }
  }
  const [maxval = 0, t1 = 0, t2 = 0, t3 = 0, reset = 0] = presets;
  // Ns, then a component's id and table, NEAR, interleaving, point transform. Source: T.87 C.2.3.
  const [count, , table, near, , pointTransform] = stream.subarray(sos.offset, sos.offset + 6);
  const plain = count === 1 && table === 0 && near === 0 && pointTransform === 0;
  if (!plain || (maxval !== 0 && maxval !== highest) || reset > MAX_RESET) {
    return undefined;
  }
  const usual = defaultThresholds(highest);
  const thresholds = [t1 || usual[0], t2 || usual[1], t3 || usual[2]] as const;
  const [first, second, third] = thresholds;
  if (!(first >= 1 && second >= first && third >= second && third <= highest)) {
    return undefined;
  }
  return {
    ...{ stream, offset: sos.offset + sos.length, width, height, bits: precision },
    thresholds,
    reset: reset === 0 ? CONTEXT_RESET : reset,
  };
}

/** Source: T.87 C.2.4.1.1.1, for NEAR = 0. */
function defaultThresholds(highest: number): readonly [number, number, number] {
  const clamp = (value: number, least: number) =>
    value > highest || value < least ? least : value;
  if (highest >= 128) {
    const factor = (Math.min(highest, 4095) + 128) >> 8;
    const first = clamp(factor + 2, 1);
    const second = clamp(4 * factor + 3, first);
    return [first, second, clamp(17 * factor + 4, second)];
  }
  const factor = Math.floor(256 / (highest + 1));
  const first = clamp(Math.max(2, Math.floor(3 / factor)), 1);
  const second = clamp(Math.max(3, Math.floor(7 / factor)), first);
  return [first, second, clamp(Math.max(4, Math.floor(21 / factor)), second)];
}

export interface JpegLsReader {
  /** The next rows, shape [count, width] of uint16. Throws `pixel-data-corrupt`. */
  readonly rows: (to: Address, count: number) => void;
  /** After the last row. Throws when much of the data is left. */
  readonly end: () => void;
}

/**
 * Decodes a scan row by row in the kernel. Damage is found when data end early, much is left over or a code does not
 * exist. Source: T.87 Annex A.
 */
export function beginJpegLsScan(kernel: Kernel, scan: JpegLsScan): JpegLsReader {
  const { exports } = kernel;
  const { stream, width, bits } = scan;
  const maxval = 2 ** bits - 1;
  const padding = MAX_BYTES_PER_SAMPLE * (width + 1);
  const length = stream.length - scan.offset;
  if (length >= MAX_STREAM_BYTES) {
    throw damaged();
  }
  const source = kernel.allocate(length);
  kernel.bytes(source, length).set(stream.subarray(scan.offset));
  // Bytes go downwards from `first`; what the decoder reads ahead stands below them.
  const first = kernel.allocate(padding + length + 16) + padding + length;
  const lines = kernel.allocate(4 * (width + 2));
  const quantised = kernel.allocate(2 * maxval + 1) + maxval;
  const table = kernel.bytes(quantised - maxval, 2 * maxval + 1);
  for (let difference = -maxval; difference <= maxval; difference += 1) {
    table[difference + maxval] = quantise(difference, scan.thresholds);
  }
  const endBits = exports.jpegls_unstuff(source, length, first);
  if (endBits < 0) {
    throw damaged();
  }
  kernel.bytes(first + 1 - Math.ceil(endBits / 8) - padding, padding).fill(0);
  const fields = () => kernel.int32(exports.jpegls_scan(), FIELD_COUNT);
  const words = fields();
  words[FIELDS.first] = first;
  words[FIELDS.endBits] = endBits;
  words[FIELDS.width] = width;
  words[FIELDS.maxval] = maxval;
  words[FIELDS.bits] = bits;
  words[FIELDS.reset] = scan.reset;
  words[FIELDS.start] = Math.max(2, (maxval + 1 + 32) >> 6);
  words[FIELDS.quantised] = quantised;
  words[FIELDS.lines] = lines;
  exports.jpegls_begin();
  return {
    rows(to, count) {
      if (exports.jpegls_rows(to, count) === 0) {
        throw damaged();
      }
    },
    end() {
      if (endBits - (fields()[FIELDS.position] ?? 0) > MAX_TRAILING_BITS) {
        throw damaged();
      }
    },
  };
}

/** Source: T.87 A.3.3, for NEAR = 0. */
function quantise(difference: number, thresholds: readonly number[]): number {
  if (difference === 0) {
    return 0;
  }
  const size = Math.abs(difference);
  const level = 1 + thresholds.filter((threshold) => size >= threshold).length;
  return difference < 0 ? -level : level;
}

function damaged(): PipelineError {
  return new PipelineError('pixel-data-corrupt', 'The JPEG-LS stream is cut off or damaged.');
}
