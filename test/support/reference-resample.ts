import type { AxisWeights } from '../../core/imaging/axis-weights.js';
import type { StoredValues } from '../../core/imaging/decoded-image.js';
import type { GreyTable } from '../../core/imaging/presentation.js';

export interface ResampleSource {
  /** Shape: [rows, width], row-major. */
  readonly pixels: StoredValues;
  readonly width: number;
  /** First column and row that the weights count from. */
  readonly x0: number;
  readonly y0: number;
}

/**
 * A separable filter over a part of an image, written down plainly in float64: what the kernel is held to.
 * Each output row is the weighted sum of its input rows, then filtered along itself; stored values are looked
 * up in `table` where there is one.
 */
export function referenceResample(
  { pixels, width, x0, y0 }: ResampleSource,
  horizontal: AxisWeights,
  vertical: AxisWeights,
  table?: GreyTable,
): Float64Array {
  const grey = (stored: number) =>
    table === undefined ? stored : (table.values[stored - table.firstStored] ?? NaN);
  const columns = horizontal.weights.length;
  const result = new Float64Array(vertical.weights.length * columns);
  vertical.weights.forEach((weights, output) => {
    const sums = new Float64Array(horizontal.inputs);
    weights.forEach((weight, k) => {
      const start = (y0 + (vertical.starts[output] ?? NaN) + k) * width + x0;
      for (let x = 0; x < sums.length; x += 1) {
        sums[x]! += weight * grey(pixels[start + x] ?? NaN);
      }
    });
    horizontal.weights.forEach((taps, column) => {
      const start = horizontal.starts[column] ?? NaN;
      result[output * columns + column] = taps.reduce(
        (total, weight, k) => total + weight * (sums[start + k] ?? NaN),
        0,
      );
    });
  });
  return result;
}
