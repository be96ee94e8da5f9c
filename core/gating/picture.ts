import type { Address, Kernel } from '../kernel/kernel.js';
import { withKernel } from '../kernel/kernel.js';

/** The thumbnail's side in cells: enough for lungs and mediastinum, too few for findings. */
export const THUMBNAIL_CELLS = 16;

/** Steps of the histogram over the input's range. Of core/kernel/plane.c. */
const BINS = 1024;
const LOW_SHARE = 0.01;
const HIGH_SHARE = 0.99;

/** What the gates look at: the network's own input plane, its grey levels stretched as for a display. */
export interface Picture {
  readonly size: number;
  /** Where its levels stand. Shape: [size, size], row-major. Units: -1 (1st percentile) to 1 (99th), clipped; zeros when flat. */
  readonly kernel: Kernel;
  readonly at: Address;
  /** 99th less 1st percentile as a share of the input's range, 0..1. */
  readonly contrast: number;
  /** Share of the more frequent of black (-1) and white (1), 0..1. */
  readonly saturated: number;
}

/**
 * The first channel of a network's input as a picture, for as long as `use` runs: no pass over the full image.
 * Percentiles come from a histogram, so they are exact to a thousandth of the range.
 */
export function withPicture<T>(
  plane: Float32Array,
  size: number,
  range: readonly [low: number, high: number],
  use: (picture: Picture) => T,
): T {
  const [bottom, top] = range;
  const scale = BINS / (top - bottom);
  const length = size * size;
  return withKernel((kernel) => {
    const { exports } = kernel;
    const pixels = kernel.allocate(4 * length);
    kernel.float32(pixels, length).set(plane.subarray(0, length));
    const bins = kernel.allocate(2 * length);
    const counts = kernel.allocate(4 * (BINS + 1));
    exports.plane_histogram(pixels, length, bottom, scale, bins, counts);
    const histogram = kernel.uint32(counts, BINS + 1);
    const low = bottom + binAt(histogram, LOW_SHARE * length) / scale;
    const high = bottom + binAt(histogram, HIGH_SHARE * length) / scale;
    const contrast = (high - low) / (top - bottom);
    const at = kernel.allocate(4 * length);
    if (!(high > low)) {
      kernel.float32(at, length).fill(0);
      return use({ size, kernel, at, contrast, saturated: 0 });
    }
    const gain = 2 / (high - low);
    const heldAt = kernel.allocate(8);
    exports.plane_levels(pixels, length, gain, -1 - gain * low, at, heldAt);
    const [black = 0, white = 0] = kernel.int32(heldAt, 2);
    return use({ size, kernel, at, contrast, saturated: Math.max(black, white) / length });
  });
}

/** A view of its levels, void after the next allocation. */
export function levelsOf({ kernel, at, size }: Picture): Float32Array {
  return kernel.float32(at, size * size);
}

/**
 * Means of square cells, less their mean, over their standard deviation.
 * Shape: [THUMBNAIL_CELLS, THUMBNAIL_CELLS], row-major; zeros when flat.
 */
export function thumbnailOf(picture: Picture): Float32Array {
  const { size } = picture;
  const cells = THUMBNAIL_CELLS;
  // Cell c begins at the first pixel p with floor(p * cells / size) = c.
  const starts = Int32Array.from({ length: cells + 1 }, (_, cell) =>
    Math.ceil((cell * size) / cells),
  );
  const means = cellSums(picture, starts).map((sum, cell) => {
    const row = Math.floor(cell / cells);
    const column = cell % cells;
    const pixels = (starts[row + 1]! - starts[row]!) * (starts[column + 1]! - starts[column]!);
    return sum / Math.max(1, pixels);
  });
  const mean = means.reduce((sum, value) => sum + value, 0) / means.length;
  const variance = means.reduce((sum, value) => sum + (value - mean) ** 2, 0) / means.length;
  const deviation = Math.sqrt(variance);
  return Float32Array.from(means, (value) => (deviation > 1e-3 ? (value - mean) / deviation : 0));
}

function cellSums({ kernel, at, size }: Picture, starts: Int32Array): Float64Array {
  const startsAt = kernel.allocate(starts.byteLength);
  kernel.int32(startsAt, starts.length).set(starts);
  const sums = kernel.allocate(8 * THUMBNAIL_CELLS ** 2);
  kernel.exports.plane_cells(at, size, THUMBNAIL_CELLS, startsAt, sums);
  return kernel.float64(sums, THUMBNAIL_CELLS ** 2).slice();
}

/** The first bin up to which at least `count` values lie. */
function binAt(histogram: Uint32Array, count: number): number {
  let seen = 0;
  for (let bin = 0; bin < histogram.length; bin += 1) {
    seen += histogram[bin]!;
    if (seen >= count) {
      return bin;
    }
  }
  return histogram.length - 1;
}
