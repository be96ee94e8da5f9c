/** A smooth function of height, given by [heightMm, value] points in rising height. */
export type Profile = (heightMm: number) => number;

/**
 * Monotone cubic interpolation, constant outside the points: no overshoot between two points, so that an
 * outline of the body has no bump that nobody drew. Source: Fritsch and Carlson 1980.
 */
export function profile(points: readonly (readonly [number, number])[]): Profile {
  const count = points.length;
  const at = Float64Array.from(points, ([height]) => height);
  const value = Float64Array.from(points, ([, one]) => one);
  const slope = Float64Array.from({ length: count - 1 }, (_, index) => {
    return (value[index + 1]! - value[index]!) / (at[index + 1]! - at[index]!);
  });
  const tangent = Float64Array.from({ length: count }, (_, index) => {
    const before = slope[Math.max(0, index - 1)]!;
    const after = slope[Math.min(count - 2, index)]!;
    // The harmonic mean keeps within three times the smaller slope, Fritsch and Carlson's condition.
    return before * after <= 0 ? 0 : (2 * before * after) / (before + after);
  });
  return (heightMm) => {
    if (heightMm <= at[0]!) return value[0]!;
    if (heightMm >= at[count - 1]!) return value[count - 1]!;
    let index = 0;
    while (heightMm > at[index + 1]!) index += 1;
    const width = at[index + 1]! - at[index]!;
    const t = (heightMm - at[index]!) / width;
    const s = 1 - t;
    return (
      s * s * (1 + 2 * t) * value[index]! +
      t * t * (3 - 2 * t) * value[index + 1]! +
      width * t * s * (s * tangent[index]! - t * tangent[index + 1]!)
    );
  };
}
