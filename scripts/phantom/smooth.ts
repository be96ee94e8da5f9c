/** A map of real numbers. Shape: [rows, columns], row-major. */
export interface FloatMap {
  readonly rows: number;
  readonly columns: number;
  readonly values: Float32Array;
}

/**
 * Gaussian blur by three box filters, whose cost does not depend on the width. The border repeats its
 * last value. Widths under half a pixel leave the map as it is.
 */
export function blur(map: FloatMap, sigma: number): FloatMap {
  // Three boxes of width w have the variance (w * w - 1) / 4.
  const radius = Math.round((Math.sqrt(4 * sigma * sigma + 1) - 1) / 2);
  if (radius < 1) return map;
  const { rows, columns } = map;
  let from = map.values;
  for (let pass = 0; pass < 3; pass += 1) {
    const across = new Float32Array(from.length);
    for (let row = 0; row < rows; row += 1) box(from, across, row * columns, 1, columns, radius);
    const down = new Float32Array(from.length);
    for (let column = 0; column < columns; column += 1) {
      box(across, down, column, columns, rows, radius);
    }
    from = down;
  }
  return { rows, columns, values: from };
}

function box(
  from: Float32Array,
  to: Float32Array,
  start: number,
  stride: number,
  count: number,
  radius: number,
): void {
  const last = start + (count - 1) * stride;
  let sum = from[start]! * radius;
  for (let index = 0; index < radius; index += 1) {
    sum += from[Math.min(last, start + index * stride)]!;
  }
  const weight = 1 / (2 * radius + 1);
  for (let index = 0; index < count; index += 1) {
    sum += from[Math.min(last, start + (index + radius) * stride)]!;
    to[start + index * stride] = sum * weight;
    sum -= from[Math.max(start, start + (index - radius) * stride)]!;
  }
}

/** Lattice points around the image that the spline needs. */
export const LATTICE_MARGIN = 1;

/** Lattice points along an image side of `size` pixels, one every `step` pixels. */
export function latticeSize(size: number, step: number): number {
  return Math.ceil((size - 1) / step) + 1 + 2 * LATTICE_MARGIN;
}

/**
 * The uniform cubic B-spline over a lattice, read at every pixel: smooth to the second derivative, so
 * that the lattice does not show, and without overshoot at an edge. A step of one pixel copies.
 */
export function upsample(lattice: FloatMap, step: number, rows: number, columns: number): FloatMap {
  const values = new Float32Array(rows * columns);
  if (step === 1) {
    for (let y = 0; y < rows; y += 1) {
      const start = (y + LATTICE_MARGIN) * lattice.columns + LATTICE_MARGIN;
      values.set(lattice.values.subarray(start, start + columns), y * columns);
    }
    return { rows, columns, values };
  }
  const weights = Float64Array.from({ length: 4 * step }, (_, index) =>
    splineWeight(index % 4, Math.floor(index / 4) / step),
  );
  const from = lattice.values;
  const width = lattice.columns;
  const line = new Float64Array(width + 4);
  for (let y = 0; y < rows; y += 1) {
    const top = Math.floor(y / step);
    const down = 4 * (y % step);
    line.fill(0);
    for (let tap = 0; tap < 4; tap += 1) {
      const weight = weights[down + tap]!;
      const start = Math.min(lattice.rows - 1, top + tap) * width;
      for (let x = 0; x < width; x += 1) line[x]! += weight * from[start + x]!;
    }
    const out = y * columns;
    for (let left = 0, x = 0; x < columns; left += 1) {
      for (let phase = 0; phase < 4 * step && x < columns; phase += 4, x += 1) {
        values[out + x] =
          weights[phase]! * line[left]! +
          weights[phase + 1]! * line[left + 1]! +
          weights[phase + 2]! * line[left + 2]! +
          weights[phase + 3]! * line[left + 3]!;
      }
    }
  }
  return { rows, columns, values };
}

/** Weight of the lattice point `tap` - 1 for a place t after point 0. */
function splineWeight(tap: number, t: number): number {
  const s = 1 - t;
  switch (tap) {
    case 0:
      return (s * s * s) / 6;
    case 1:
      return (3 * t * t * t - 6 * t * t + 4) / 6;
    case 2:
      return (3 * s * s * s - 6 * s * s + 4) / 6;
    default:
      return (t * t * t) / 6;
  }
}
