import { PipelineError } from '../../../core/errors.js';
import type { Address, Kernel } from '../../../core/kernel/kernel.js';
import type { DifferenceTable } from './lossless-differences.js';

/** Bits that one sample can take: a code of 16 and a difference of 15. */
const MAX_BYTES_PER_SAMPLE = 4;
/** Bits that encoders append behind the last code. */
const MAX_TRAILING_BITS = 32;
/** Positions in a scan are counted in bits, with 32 of them. */
const MAX_STREAM_BYTES = 2 ** 28;

/** Places of 32 bits in `Scan` of core/kernel/lossless.c. */
const FIELDS = {
  first: 0,
  endBits: 1,
  position: 2,
  width: 3,
  components: 4,
  predictor: 5,
  start: 6,
  firstRow: 7,
  above: 8,
  used: 9,
  next: 10,
  whole: 11,
  categories: 15,
} as const;
const FIELD_COUNT = 19;

export interface LosslessScan {
  readonly stream: Uint8Array;
  /** Offset of the entropy-coded data. */
  readonly offset: number;
  readonly width: number;
  readonly height: number;
  readonly precision: number;
  readonly predictor: number;
  readonly pointTransform: number;
  /** One for each of the scan's components, which are interleaved. */
  readonly tables: readonly DifferenceTable[];
  /** Rows between two restart markers; `height` without them. */
  readonly restartRows: number;
}

export interface ScanReader {
  /** The next rows, shape [count, width, components] of uint16. Throws `pixel-data-corrupt`. */
  readonly rows: (to: Address, count: number) => void;
  /** After the last row: the offset of the marker behind the scan. Throws for samples beyond the precision. */
  readonly end: () => number;
}

/**
 * Decodes a scan row by row in the kernel. Damage is found when data end early, much is left over, a code does
 * not exist, a restart marker is missing or a sample exceeds the precision. Source: T.81 H.1.2 and H.2.
 */
export function beginScan(kernel: Kernel, scan: LosslessScan): ScanReader {
  const { exports } = kernel;
  const { stream, width, height, restartRows, pointTransform } = scan;
  const rowSamples = width * scan.tables.length;
  const padding = rowSamples * MAX_BYTES_PER_SAMPLE + 8;
  const length = stream.length - scan.offset;
  if (length >= MAX_STREAM_BYTES || pointTransform >= scan.precision) {
    throw damaged();
  }
  const source = kernel.allocate(length);
  kernel.bytes(source, length).set(stream.subarray(scan.offset));
  // Bytes go downwards from `first`; what the decoder reads ahead stands below them.
  const first = kernel.allocate(padding + length + 16) + padding + length;
  const above = kernel.allocate(2 * rowSamples);
  const tables = scan.tables.map((table) => putTable(kernel, table));
  const state = exports.lossless_scan();
  const fields = () => kernel.int32(state, FIELD_COUNT);
  const get = (field: keyof typeof FIELDS) => fields()[FIELDS[field]] ?? 0;
  setUp(fields(), scan, first, tables);

  let row = 0;
  let consumed = 0;

  function beginInterval(): void {
    const count = exports.lossless_unstuff(source + consumed, length - consumed, first);
    if (count < 0) {
      throw damaged();
    }
    kernel.bytes(first + 1 - count - padding, padding).fill(0);
    const words = fields();
    words[FIELDS.endBits] = 8 * count;
    words[FIELDS.position] = 0;
    words[FIELDS.firstRow] = 1;
    consumed += get('next');
  }

  function endInterval(): void {
    const [, marker = 0] = kernel.bytes(source + consumed, 2);
    const restarts = marker >= 0xd0 && marker <= 0xd7;
    if (get('endBits') - get('position') > MAX_TRAILING_BITS || restarts !== row < height) {
      throw damaged();
    }
    consumed += restarts ? 2 : 0;
  }

  return {
    rows(to, count) {
      for (let done = 0; done < count;) {
        const inInterval = row % restartRows;
        if (inInterval === 0) {
          beginInterval();
        }
        const now = Math.min(count - done, restartRows - inInterval, height - row);
        const at = to + 2 * done * rowSamples;
        if (now <= 0 || exports.lossless_rows(at, now) === 0) {
          throw damaged();
        }
        // The rows are the caller's; the last of them predicts the next.
        kernel
          .bytes(above, 2 * rowSamples)
          .set(kernel.bytes(at + 2 * (now - 1) * rowSamples, 2 * rowSamples));
        fields()[FIELDS.above] = above;
        undoPointTransform(kernel, at, now * rowSamples, pointTransform);
        done += now;
        row += now;
        if (row % restartRows === 0 || row === height) {
          endInterval();
        }
      }
    },
    end() {
      // Samples beyond the precision betray damage that the codes did not.
      if ((get('used') & ~(2 ** (scan.precision - pointTransform) - 1)) !== 0) {
        throw damaged();
      }
      return scan.offset + consumed;
    },
  };
}

function setUp(
  words: Int32Array,
  scan: LosslessScan,
  first: Address,
  tables: readonly { readonly whole: Address; readonly categories: Address }[],
): void {
  words.fill(0);
  words[FIELDS.first] = first;
  words[FIELDS.width] = scan.width;
  words[FIELDS.components] = tables.length;
  words[FIELDS.predictor] = scan.predictor;
  words[FIELDS.start] = 1 << (scan.precision - scan.pointTransform - 1);
  tables.forEach(({ whole, categories }, component) => {
    words[FIELDS.whole + component] = whole;
    words[FIELDS.categories + component] = categories;
  });
}

function putTable(kernel: Kernel, table: DifferenceTable) {
  const whole = kernel.allocate(table.whole.byteLength);
  kernel.int32(whole, table.whole.length).set(table.whole);
  const categories = kernel.allocate(table.categories.byteLength);
  kernel.int16(categories, table.categories.length).set(table.categories);
  return { whole, categories };
}

function undoPointTransform(kernel: Kernel, at: Address, samples: number, shift: number): void {
  if (shift > 0) {
    const values = kernel.int16(at, samples);
    for (let index = 0; index < samples; index += 1) {
      values[index] = values[index]! << shift;
    }
  }
}

function damaged(): PipelineError {
  return new PipelineError('pixel-data-corrupt', 'The JPEG lossless stream is cut off or damaged.');
}
