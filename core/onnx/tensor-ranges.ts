import type { TensorRange } from './quantise-graph.js';

/**
 * Shares of a tensor's values that its range leaves out on each side: outliers that are cut off make the
 * steps of all others finer. 0 is the plain minimum and maximum.
 */
export const CUT_SHARES = [0, 1e-5, 1e-4] as const;

/** The range between which all values lie but a share on each side. */
export function rangeOf(
  { low, high, counts }: TensorRange & { readonly counts: Float64Array },
  cutShare: number,
): TensorRange {
  const total = counts.reduce((sum, count) => sum + count, 0);
  const step = (high - low) / (counts.length - 1);
  const allowed = cutShare * total;
  let first = 0;
  for (let left = allowed; first < counts.length - 1; first += 1) {
    left -= counts[first] ?? 0;
    if (left < 0) {
      break;
    }
  }
  let last = counts.length - 1;
  for (let left = allowed; last > first; last -= 1) {
    left -= counts[last] ?? 0;
    if (left < 0) {
      break;
    }
  }
  return { low: low + first * step, high: low + last * step };
}

/**
 * How far the quantised logits are from the exact ones: signal over noise. Units: dB.
 *
 * @param exact logits of several images, one behind the other
 */
export function signalToNoise(exact: readonly number[], other: readonly number[]): number {
  let signal = 0;
  let noise = 0;
  for (const [index, value] of exact.entries()) {
    signal += value * value;
    noise += (value - (other[index] ?? NaN)) ** 2;
  }
  return 10 * Math.log10(signal / noise);
}
