import type { AxisWeights } from './axis-weights.js';
import { extentOf, longestOf } from './axis-weights.js';

/** Horizontal weights as the kernel takes them. */
export interface ColumnWeights {
  /** First column of each output, counted from the first that any needs. */
  readonly starts: Int32Array;
  /** Weights of every output: a multiple of four, the missing ones 0. */
  readonly taps: number;
  /** Shape: [outputs, taps]. */
  readonly weights: Float64Array;
  /** The same, rounded. */
  readonly singles: Float32Array;
}

const packed = new WeakMap<AxisWeights, ColumnWeights>();

/** Packed once for an axis: images of one size have the same weights. */
export function columnWeights(axis: AxisWeights): ColumnWeights {
  let known = packed.get(axis);
  if (known === undefined) {
    known = packColumnWeights(axis);
    packed.set(axis, known);
  }
  return known;
}

function packColumnWeights(axis: AxisWeights): ColumnWeights {
  const [firstColumn] = extentOf(axis);
  const taps = 4 * Math.max(1, Math.ceil(longestOf(axis) / 4));
  const weights = new Float64Array(taps * axis.weights.length);
  axis.weights.forEach((row, output) => {
    weights.set(row, output * taps);
  });
  const starts = Int32Array.from(axis.starts, (start) => start - firstColumn);
  return { starts, taps, weights, singles: Float32Array.from(weights) };
}
