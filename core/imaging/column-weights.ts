import type { AxisWeights } from './axis-weights.js';
import { extentOf } from './axis-weights.js';

/** Horizontal weights as the kernel takes them. */
export interface ColumnWeights {
  /** First column of each output, counted from the first that any needs. */
  readonly starts: Int32Array;
  /** Weights of every output: an even number, the missing ones 0. */
  readonly taps: number;
  /** Shape: [outputs, taps]. */
  readonly weights: Float64Array;
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
  const longest = axis.weights.reduce((most, { length }) => Math.max(most, length), 1);
  const taps = 2 * Math.ceil(longest / 2);
  const weights = new Float64Array(taps * axis.weights.length);
  axis.weights.forEach((row, output) => {
    weights.set(row, output * taps);
  });
  return { starts: Int32Array.from(axis.starts, (start) => start - firstColumn), taps, weights };
}
