import type { AxisWeights } from './axis-weights.js';

const INT16_LARGEST = 32767;
const INT32_LARGEST = 2 ** 31 - 1;

/** Neighbouring columns that take turns with the roundings of a weight. */
const PHASES = 4;
/** The order in which they are rounded up: those that are rounded alike stand apart. */
const PHASE_ORDER = [0, 2, 1, 3] as const;

/** Vertical weights as the kernel takes them: 16-bit, for pairs of rows. */
export interface RowWeights {
  /** First pair of rows of each output, and how many there are. Pairs count from the first row. */
  readonly firstPairs: Int32Array;
  readonly pairCounts: Int32Array;
  /**
   * Parts of a weight. Two: it is weights * units[0] + remainders * units[1], two for each pair of each output.
   * One: in the mean of the phases weights * units[output], two for each phase of each pair of each output, and an
   * even number of outputs, of which the last may be without weight.
   */
  readonly parts: 1 | 2;
  readonly weights: Int16Array;
  readonly remainders: Int16Array;
  readonly units: Float64Array;
}

interface RowWeightOptions {
  readonly firstRow: number;
  /** Largest size of what is weighted. */
  readonly largest: number;
  /** One part is enough: the horizontal filter averages over several times as many columns as there are phases. */
  readonly phased: boolean;
}

/** Packing takes longer than a small image, and the weights of an axis are used for many. */
const packed = new WeakMap<AxisWeights, { readonly key: string; readonly weights: RowWeights }>();

/** The weights in one part or two, remembered as long as the axis is. */
export function rowWeights(axis: AxisWeights, options: RowWeightOptions): RowWeights {
  const { firstRow, largest, phased } = options;
  const key = `${firstRow} ${largest} ${phased}`;
  const known = packed.get(axis);
  if (known?.key === key) {
    return known.weights;
  }
  const weights = phased ? inPhases(axis, options) : inTwoParts(axis, options);
  packed.set(axis, { key, weights });
  return weights;
}

/**
 * Both parts are as fine as 16 bits and sums of 32 bits allow for values up to `largest` in size. Together they
 * have 26 bits and more, so that the sums of a filter are exact to 2^-24 of its inputs' range.
 */
function inTwoParts(axis: AxisWeights, { firstRow, largest }: RowWeightOptions): RowWeights {
  const { rows, ...pairs } = inPairs(axis, firstRow);
  const weights = quantise(rows, largest);
  const rest = rows.map((row, output) =>
    row.map((weight, index) => weight - weights.rows[output]![index]! * weights.unit),
  );
  const remainders = quantise(rest, largest);
  return {
    ...pairs,
    parts: 2,
    weights: Int16Array.from(weights.rows.flatMap((row) => [...row])),
    remainders: Int16Array.from(remainders.rows.flatMap((row) => [...row])),
    units: Float64Array.of(weights.unit, remainders.unit),
  };
}

/**
 * One part, half the arithmetic. A weight is rounded to quarters of the unit that 16 bits allow, and its quarters are
 * dealt out to four phases, so that the mean over four columns has them. What rounding leaves is carried
 * to the next row: the error is at most an eighth of a unit for the sum of the steps from row to row, not for
 * the values. Each output's unit makes its sum of weights exact.
 */
function inPhases(axis: AxisWeights, { firstRow, largest }: RowWeightOptions): RowWeights {
  const { rows, firstPairs, pairCounts } = inPairs(axis, firstRow);
  if (rows.length % 2 === 1) {
    rows.push(new Float64Array(rows.at(-1)?.length ?? 0));
  }
  const { highest, heaviest, longest } = measure(rows);
  // Rounding adds less than two units to a weight.
  const room = INT32_LARGEST / largest - 2 * longest;
  const scale = Math.min((INT16_LARGEST - 2) / highest, room / heaviest);
  const weights = new Int16Array(PHASES * rows.reduce((sum, { length }) => sum + length, 0));
  let begin = 0;
  const units = Float64Array.from(rows, (row) => {
    let carry = 0;
    let phase = 0;
    let wanted = 0;
    let given = 0;
    row.forEach((weight, index) => {
      const exact = PHASES * scale * weight + carry;
      const quarters = Math.round(exact);
      carry = exact - quarters;
      wanted += weight;
      given += quarters;
      const least = Math.floor(quarters / PHASES);
      const at = begin + PHASES * (index - (index % 2)) + (index % 2);
      for (let column = 0; column < PHASES; column += 1) {
        weights[at + 2 * column] = least;
      }
      for (let left = quarters - PHASES * least; left > 0; left -= 1) {
        weights[at + 2 * PHASE_ORDER[phase % PHASES]!]! += 1;
        phase += 1;
      }
    });
    begin += PHASES * row.length;
    return given === 0 ? 0 : (PHASES * wanted) / given;
  });
  const even = (values: Int32Array) =>
    Int32Array.from(rows, (_, output) => values[Math.min(output, values.length - 1)]!);
  return {
    firstPairs: even(firstPairs),
    pairCounts: even(pairCounts),
    ...{ parts: 1, weights, remainders: new Int16Array(0), units },
  };
}

/** Weights of 0 make every output's rows whole pairs, of which the last is no earlier than that of the output before. */
function inPairs(axis: AxisWeights, firstRow: number) {
  const outputs = axis.weights.length;
  const firstPairs = new Int32Array(outputs);
  const pairCounts = new Int32Array(outputs);
  let end = 0;
  const rows = axis.weights.map((weights, output) => {
    const start = axis.starts[output]! - firstRow;
    end = Math.max(end, ((start + weights.length - 1) >> 1) + 1);
    firstPairs[output] = start >> 1;
    pairCounts[output] = end - (start >> 1);
    const pairs = new Float64Array(2 * pairCounts[output]);
    pairs.set(weights, start & 1);
    return pairs;
  });
  return { rows, firstPairs, pairCounts };
}

/** Whole multiples of the smallest power of two that keeps them in 16 bits and their sums in 32. */
function quantise(
  rows: readonly Float64Array[],
  largest: number,
): { readonly rows: readonly Float64Array[]; readonly unit: number } {
  const { highest, heaviest, longest } = measure(rows);
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

/** Largest size of a weight, largest sum of sizes and largest number of weights of an output. */
function measure(rows: readonly Float64Array[]) {
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
  return { highest, heaviest, longest };
}
