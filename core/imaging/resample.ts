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
 * A separable filter over a part of an image, in one pass over its rows: every row is read once, looked up
 * in `table` when there is one, and added to the output rows that it belongs to.
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
  const outputs = vertical.weights.length;
  const result = new Float64Array(outputs * horizontal.weights.length);
  const row = new Float64Array(columns);
  const sums = new Map<number, Float64Array>();
  const spare: Float64Array[] = [];
  let firstOpen = 0;
  let nextToOpen = 0;
  for (let y = vertical.starts[0] ?? 0; firstOpen < outputs; y += 1) {
    loadRow(row, source, y, table);
    while (nextToOpen < outputs && (vertical.starts[nextToOpen] ?? 0) <= y) {
      sums.set(nextToOpen, spare.pop()?.fill(0) ?? new Float64Array(columns));
      nextToOpen += 1;
    }
    for (const [output, sum] of sums) {
      const weights = vertical.weights[output] ?? row;
      const k = y - (vertical.starts[output] ?? 0);
      addRow(sum, row, weights[k] ?? 0);
      if (k >= weights.length - 1) {
        filterRow(result, output, sum, horizontal);
        sums.delete(output);
        spare.push(sum);
      }
    }
    while (firstOpen < nextToOpen && !sums.has(firstOpen)) {
      firstOpen += 1;
    }
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

function addRow(sum: Float64Array, row: Float64Array, weight: number): void {
  for (let x = 0; x < row.length; x += 1) {
    sum[x]! += weight * row[x]!;
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
