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
  /** Share of the more frequent of black (-1) and white (1), 0..1. */
  readonly saturated: number;
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
  let black = 0;
  let white = 0;
  if (high > low) {
    const gain = 2 / (high - low);
    const offset = -1 - gain * low;
    for (let index = 0; index < pixels.length; index += 1) {
      // Rounded as it is stored, so that what is counted is what is there.
      const value = Math.fround(gain * pixels[index]! + offset);
      if (value <= -1) {
        black += 1;
        values[index] = -1;
      } else if (value >= 1) {
        white += 1;
        values[index] = 1;
      } else {
        values[index] = value;
      }
    }
  }
  const contrast = (high - low) / (top - bottom);
  return { size, values, contrast, saturated: Math.max(black, white) / pixels.length };
}

/**
 * Means of square cells, less their mean, over their standard deviation.
 * Shape: [THUMBNAIL_CELLS, THUMBNAIL_CELLS], row-major; zeros when flat.
 */
export function thumbnailOf({ size, values }: Picture): Float32Array {
  const cells = THUMBNAIL_CELLS;
  const means = new Float64Array(cells * cells);
  // Cell c begins at the first pixel p with floor(p * cells / size) = c.
  const start = (cell: number): number => Math.ceil((cell * size) / cells);
  for (let cell = 0; cell < means.length; cell += 1) {
    const row = Math.floor(cell / cells);
    const [top, bottom] = [start(row), start(row + 1)];
    const [left, right] = [start(cell % cells), start((cell % cells) + 1)];
    let sum = 0;
    for (let y = top; y < bottom; y += 1) {
      for (let at = y * size + left; at < y * size + right; at += 1) {
        sum += values[at]!;
      }
    }
    means[cell] = sum / Math.max(1, (bottom - top) * (right - left));
  }
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
