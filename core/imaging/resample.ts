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
 * A separable filter over a part of an image, in one pass over its rows: every row is read once and looked
 * up in `table` when there is one; a ring keeps the rows that the next output row still needs.
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
  const columns = horizontal.inputs;
  const ringSize = Math.max(...vertical.weights.map(({ length }) => length));
  const ring = Array.from({ length: ringSize }, () => new Float64Array(columns));
  const result = new Float64Array(vertical.weights.length * horizontal.weights.length);
  const sum = new Float64Array(columns);
  let nextRow = 0;
  for (const [output, weights] of vertical.weights.entries()) {
    const start = vertical.starts[output]!;
    // Starts never decrease, so a row that has been overwritten is not asked for again.
    for (nextRow = Math.max(nextRow, start); nextRow < start + weights.length; nextRow += 1) {
      loadRow(ring[nextRow % ringSize]!, source, nextRow, table);
    }
    addRows(sum.fill(0), ring, start, weights);
    filterRow(result, output, sum, horizontal);
  }
  return result;
}

function loadRow(row: Float64Array, source: ResampleSource, y: number, table?: GreyTable): void {
  const { pixels } = source;
  const start = (source.y0 + y) * source.width + source.x0;
  // Indices lie inside the image: the weights were made for its size.
  if (table === undefined) {
    for (let x = 0; x < row.length; x += 1) {
      row[x] = pixels[start + x]!;
    }
    return;
  }
  const { values, firstStored } = table;
  for (let x = 0; x < row.length; x += 1) {
    row[x] = values[pixels[start + x]! - firstStored]!;
  }
}

/**
 * Adds rows `start`, `start + 1`, ... of the ring, each by its weight. Four at a time, because a sum that
 * is read and written for every row takes twice as long (measured on 2500 x 3000).
 */
function addRows(
  sum: Float64Array,
  ring: readonly Float64Array[],
  start: number,
  weights: Float64Array,
): void {
  const row = (k: number): Float64Array => ring[(start + k) % ring.length]!;
  const fours = weights.length - (weights.length % 4);
  for (let k = 0; k < fours; k += 4) {
    const [w0, w1, w2, w3] = [weights[k]!, weights[k + 1]!, weights[k + 2]!, weights[k + 3]!];
    const [a, b, c, d] = [row(k), row(k + 1), row(k + 2), row(k + 3)];
    for (let x = 0; x < sum.length; x += 1) {
      sum[x]! += w0 * a[x]! + w1 * b[x]! + w2 * c[x]! + w3 * d[x]!;
    }
  }
  for (let k = fours; k < weights.length; k += 1) {
    const [weight, values] = [weights[k]!, row(k)];
    for (let x = 0; x < sum.length; x += 1) {
      sum[x]! += weight * values[x]!;
    }
  }
}

function filterRow(
  result: Float64Array,
  output: number,
  sum: Float64Array,
  horizontal: AxisWeights,
): void {
  const base = output * horizontal.weights.length;
  for (let column = 0; column < horizontal.weights.length; column += 1) {
    const weights = horizontal.weights[column]!;
    const start = horizontal.starts[column]!;
    let total = 0;
    for (let k = 0; k < weights.length; k += 1) {
      total += weights[k]! * sum[start + k]!;
    }
    result[base + column] = total;
  }
}
