import type { AxisWeights } from './axis-weights.js';

const INT16_LARGEST = 32767;
const INT32_LARGEST = 2 ** 31 - 1;

/** Vertical weights as the kernel takes them: 16-bit, for pairs of rows, each with a second part. */
export interface RowWeights {
  /** First pair of rows of each output, and how many there are. Pairs count from the first row. */
  readonly firstPairs: Int32Array;
  readonly pairCounts: Int32Array;
  /** Two for each pair of each output. weight = weights * weightUnit + remainders * remainderUnit. */
  readonly weights: Int16Array;
  readonly remainders: Int16Array;
  readonly units: { readonly weightUnit: number; readonly remainderUnit: number };
}

/** Packing takes longer than a small image, and the weights of an axis are used for many. */
const packed = new WeakMap<AxisWeights, { readonly key: string; readonly weights: RowWeights }>();

/** `packRowWeights`, remembered as long as the axis is. */
export function rowWeights(axis: AxisWeights, firstRow: number, largest: number): RowWeights {
  const key = `${firstRow} ${largest}`;
  const known = packed.get(axis);
  if (known?.key === key) {
    return known.weights;
  }
  const weights = packRowWeights(axis, firstRow, largest);
  packed.set(axis, { key, weights });
  return weights;
}

/**
 * Both parts are as fine as 16 bits and sums of 32 bits allow for values up to `largest` in size. Together they
 * have 26 bits and more, so that the sums of a filter are exact to 2^-24 of its inputs' range.
 */
function packRowWeights(axis: AxisWeights, firstRow: number, largest: number): RowWeights {
  const outputs = axis.weights.length;
  const firstPairs = new Int32Array(outputs);
  const pairCounts = new Int32Array(outputs);
  const padded = axis.weights.map((weights, output) => {
    const start = axis.starts[output]! - firstRow;
    firstPairs[output] = start >> 1;
    pairCounts[output] = ((start + weights.length - 1) >> 1) - (start >> 1) + 1;
    const pairs = new Float64Array(2 * pairCounts[output]);
    pairs.set(weights, start & 1);
    return pairs;
  });
  const weights = quantise(padded, largest);
  const rest = padded.map((row, output) =>
    row.map((weight, index) => weight - weights.rows[output]![index]! * weights.unit),
  );
  const remainders = quantise(rest, largest);
  return {
    firstPairs,
    pairCounts,
    weights: Int16Array.from(weights.rows.flatMap((row) => [...row])),
    remainders: Int16Array.from(remainders.rows.flatMap((row) => [...row])),
    units: { weightUnit: weights.unit, remainderUnit: remainders.unit },
  };
}

/** Whole multiples of the smallest power of two that keeps them in 16 bits and their sums in 32. */
function quantise(
  rows: readonly Float64Array[],
  largest: number,
): { readonly rows: readonly Float64Array[]; readonly unit: number } {
  let highest = 0;
  let heaviest = 0;
  let longest = 0;
  for (const row of rows) {
    let sum = 0;
    for (const weight of row) {
      const size = Math.abs(weight);
      highest = Math.max(highest, size);
      sum += size;
    }
    heaviest = Math.max(heaviest, sum);
    longest = Math.max(longest, row.length);
  }
  if (highest === 0) {
    return { rows, unit: 1 };
  }
  // Rounding may add half a unit to every weight of a row.
  const room = INT32_LARGEST / largest - longest / 2;
  const bits = Math.floor(
    Math.min(Math.log2(INT16_LARGEST / highest), Math.log2(room / heaviest), 60),
  );
  const unit = 2 ** -bits;
  return { rows: rows.map((row) => row.map((weight) => Math.round(weight / unit))), unit };
}
