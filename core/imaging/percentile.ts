import type { Address, Kernel } from '../kernel/kernel.js';

/** Bins of equal width between the lowest and the highest value, and one for the highest. Of core/kernel/plane.c. */
const BINS = 1024;

/** Values in the kernel's memory, float64. */
interface Values {
  readonly kernel: Kernel;
  readonly at: Address;
  readonly length: number;
}

/**
 * Linear interpolation between the two nearest order statistics: v[k] + (t - k)(v[k+1] - v[k]) with
 * t = q / 100 * (n - 1), k = floor(t). numpy's default. Throws RangeError for no values, which must be finite.
 *
 * A histogram tells which values are near, and only those are selected from: the result is exact, and of 50,000
 * values it takes a fraction of selecting from all, let alone of sorting.
 */
export function percentiles({ kernel, at, length }: Values, wanted: readonly number[]): number[] {
  if (length === 0) {
    throw new RangeError('no values');
  }
  const { exports } = kernel;
  const bins = kernel.allocate(2 * length);
  const countsAt = kernel.allocate(4 * (BINS + 1));
  exports.plane_bins(at, length, bins, countsAt);
  const counts = kernel.uint32(countsAt, BINS + 1).slice();
  return wanted.map((q) => {
    const position = (q / 100) * (length - 1);
    const k = Math.floor(position);
    const first = binAt(counts, k);
    const last = binAt(counts, Math.min(k + 1, length - 1));
    const near = kernel.allocate(8 * (last.before + counts[last.bin]! - first.before));
    const found = exports.plane_gather(at, length, bins, first.bin, last.bin, near);
    return interpolated(kernel.float64(near, found), position - k, k - first.before);
  });
}

/**
 * Stretches values so that two percentiles become -1 and 1, clipped, and writes them to `into`, whose shape is
 * theirs. All zeros where the percentiles are nearer than `flat`, relative to the larger.
 */
export function stretched(
  values: Values,
  ends: { readonly low: number; readonly high: number },
  flat: number,
  into: Float32Array,
): Float32Array {
  const { kernel, at, length } = values;
  const [low = 0, high = 0] = percentiles(values, [ends.low, ends.high]);
  if (!(high - low > flat * Math.max(Math.abs(low), Math.abs(high)))) {
    return into.fill(0);
  }
  const result = kernel.allocate(4 * length);
  kernel.exports.plane_stretch(at, length, 2 / (high - low), low, result);
  into.set(kernel.float32(result, length));
  return into;
}

/** The bin of the k-th lowest value, and how many stand in the bins before. */
function binAt(counts: Uint32Array, k: number) {
  let before = 0;
  let bin = 0;
  while (before + counts[bin]! <= k) {
    before += counts[bin]!;
    bin += 1;
  }
  return { bin, before };
}

/** Between the k-th lowest and the next one, if there is one. Reorders `values`. */
function interpolated(values: Float64Array, share: number, k: number): number {
  select(values, k);
  // Selected: it stands at its place, and everything behind it is at least as large.
  const below = values[k]!;
  let above = k + 1 < values.length ? Infinity : below;
  for (let index = k + 1; index < values.length; index += 1) {
    above = Math.min(above, values[index]!);
  }
  return below + share * (above - below);
}

/** Hoare's selection: afterwards values[k] is what a sort would put there. Reorders `values`. */
function select(values: Float64Array, k: number): void {
  let left = 0;
  let right = values.length - 1;
  while (left < right) {
    const pivot = values[(left + right) >> 1]!;
    let i = left;
    let j = right;
    while (i <= j) {
      while (values[i]! < pivot) {
        i += 1;
      }
      while (values[j]! > pivot) {
        j -= 1;
      }
      if (i <= j) {
        const held = values[i]!;
        values[i] = values[j]!;
        values[j] = held;
        i += 1;
        j -= 1;
      }
    }
    if (k <= j) {
      right = j;
    } else if (k >= i) {
      left = i;
    } else {
      return;
    }
  }
}
