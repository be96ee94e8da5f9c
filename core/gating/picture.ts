/** The thumbnail's side in cells: enough for lungs and mediastinum, too few for findings. */
export const THUMBNAIL_CELLS = 16;

const BINS = 1024;
const LOW_SHARE = 0.01;
const HIGH_SHARE = 0.99;

/** What the gates look at: the network's own input plane, its grey levels stretched as for a display. */
export interface Picture {
  readonly size: number;
  /** Shape: [size, size], row-major. Units: -1 (1st percentile) to 1 (99th), clipped; zeros when flat. */
  readonly values: Float32Array;
  /** 99th less 1st percentile as a share of the input's range, 0..1. */
  readonly contrast: number;
}

/**
 * The first channel of a network's input as a picture: no pass over the full image. Percentiles come from a
 * histogram, so they are exact to a thousandth of the range.
 */
export function pictureOf(
  plane: Float32Array,
  size: number,
  range: readonly [low: number, high: number],
): Picture {
  const pixels = plane.subarray(0, size * size);
  const [bottom, top] = range;
  const scale = BINS / (top - bottom);
  const histogram = new Uint32Array(BINS + 1);
  for (let index = 0; index < pixels.length; index += 1) {
    const bin = ((pixels[index]! - bottom) * scale + 0.5) | 0;
    histogram[bin < 0 ? 0 : bin > BINS ? BINS : bin]! += 1;
  }
  const low = bottom + binAt(histogram, LOW_SHARE * pixels.length) / scale;
  const high = bottom + binAt(histogram, HIGH_SHARE * pixels.length) / scale;
  const values = new Float32Array(pixels.length);
  if (high > low) {
    const gain = 2 / (high - low);
    const offset = -1 - gain * low;
    for (let index = 0; index < pixels.length; index += 1) {
      const value = gain * pixels[index]! + offset;
      values[index] = value < -1 ? -1 : value > 1 ? 1 : value;
    }
  }
  return { size, values, contrast: (high - low) / (top - bottom) };
}

/**
 * Means of square cells, less their mean, over their standard deviation.
 * Shape: [THUMBNAIL_CELLS, THUMBNAIL_CELLS], row-major; zeros when flat.
 */
export function thumbnailOf({ size, values }: Picture): Float32Array {
  const cells = THUMBNAIL_CELLS;
  const sums = new Float64Array(cells * cells);
  const counts = new Uint32Array(cells * cells);
  const cellOf = Uint8Array.from({ length: size }, (_, at) => Math.floor((at * cells) / size));
  for (let y = 0; y < size; y += 1) {
    const row = cellOf[y]! * cells;
    for (let x = 0; x < size; x += 1) {
      const cell = row + cellOf[x]!;
      sums[cell]! += values[y * size + x]!;
      counts[cell]! += 1;
    }
  }
  const means = sums.map((sum, cell) => sum / Math.max(1, counts[cell]!));
  const mean = means.reduce((sum, value) => sum + value, 0) / means.length;
  const variance = means.reduce((sum, value) => sum + (value - mean) ** 2, 0) / means.length;
  const deviation = Math.sqrt(variance);
  return Float32Array.from(means, (value) => (deviation > 1e-3 ? (value - mean) / deviation : 0));
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
