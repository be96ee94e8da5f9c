/** Lower and upper end of a 95 % interval. */
export type Interval = readonly [low: number, high: number];

/** The 97.5 % quantile of the standard normal distribution. */
export const Z95 = 1.959963984540054;

/**
 * The Wilson score interval of a share; undefined for a share of nothing. Holds for independent cases.
 * Source: Wilson 1927; Newcombe 1998, Statistics in Medicine 17:857-872, method 3.
 */
export function wilsonInterval(hits: number, total: number): Interval | undefined {
  if (total === 0) {
    return undefined;
  }
  const share = hits / total;
  const scale = 1 + Z95 ** 2 / total;
  const centre = (share + Z95 ** 2 / (2 * total)) / scale;
  const half =
    (Z95 / scale) * Math.sqrt((share * (1 - share)) / total + Z95 ** 2 / (4 * total ** 2));
  return [hits === 0 ? 0 : centre - half, hits === total ? 1 : centre + half];
}

/**
 * The value below which a share of the sorted values lies, interpolated linearly between neighbours
 * (type 7 of Hyndman and Fan 1996).
 */
export function quantile(sorted: Float64Array, share: number): number {
  const position = share * (sorted.length - 1);
  const below = Math.floor(position);
  const low = sorted[below] ?? NaN;
  const high = sorted[Math.min(below + 1, sorted.length - 1)] ?? NaN;
  return low + (position - below) * (high - low);
}
