import type { Projection } from './projection.js';
import type { Point } from './solid.js';

/** A curved rod: a rib, a clavicle, a vessel. */
export interface Tube {
  /** Control points of the axis; the curve runs through them. */
  readonly axis: readonly Point[];
  /** Half the height (up and down, across the axis) and half the depth of the cross-section. */
  readonly halfHeightMm: (along: number) => number;
  readonly halfDepthMm: (along: number) => number;
  /** Attenuation over what the rod displaces; negative for air in soft tissue. */
  readonly perMm: number;
}

/** Same value all along. */
export const constant = (value: number) => (): number => value;

/**
 * Adds the projection of a rod to a map of line integrals. Shape of the map: [Rows, Columns].
 *
 * The rod is a row of thin elliptic discs, and each disc's volume is spread over its own shadow. A turn
 * that points along the ray therefore gets its full density without a special case, as the lateral
 * border of a rib does.
 */
export function addTube(map: Float32Array, projection: Projection, tube: Tube): void {
  const { spacingMm, lateral } = projection;
  const curve = resample(tube.axis, stepOf(tube, spacingMm));
  for (let index = 0; index + 1 < curve.length; index += 1) {
    const from = curve[index]!;
    const to = curve[index + 1]!;
    const along = (index + 0.5) / (curve.length - 1);
    const halfHeight = tube.halfHeightMm(along);
    const halfDepth = tube.halfDepthMm(along);
    const length = distance(from, to);
    if (halfHeight <= 0 || halfDepth <= 0 || length === 0) continue;
    const middle = { x: (from.x + to.x) / 2, y: (from.y + to.y) / 2, z: (from.z + to.z) / 2 };
    const { column, row } = projection.pixel(middle);
    const toPixels = projection.magnification(lateral ? middle.x : middle.z) / spacingMm;
    const tangent = {
      x: (to.x - from.x) / length,
      y: (to.y - from.y) / length,
      z: (to.z - from.z) / length,
    };
    const shadow = shadowOf(tangent, halfHeight, halfDepth, length, toPixels, lateral);
    const volume = Math.PI * halfHeight * halfDepth * length * toPixels * toPixels;
    // The shadow is a raised cosine along (integral a) times a half ellipse across (integral pi b / 2).
    const peak = (tube.perMm * volume) / ((shadow.a * shadow.b * Math.PI) / 2);
    stamp(map, projection, column, row, shadow, peak);
  }
}

/** The shadow of one disc: half-axes in pixels, and the direction (u, v) of the first of them. */
interface Shadow {
  readonly a: number;
  readonly b: number;
  readonly u: number;
  readonly v: number;
}

function shadowOf(
  tangent: Point,
  halfHeight: number,
  halfDepth: number,
  length: number,
  toPixels: number,
  lateral: boolean,
): Shadow {
  const up = upAcross(tangent);
  const out = cross(tangent, up);
  const tangentU = lateral ? tangent.z : tangent.x;
  const upU = (lateral ? up.z : up.x) * halfHeight;
  const upV = up.y * halfHeight;
  const outU = (lateral ? out.z : out.x) * halfDepth;
  const outV = out.y * halfDepth;
  const alongU = 2 * length * tangentU;
  const alongV = 2 * length * tangent.y;
  // Along the projected axis while it is seen from the side, else across `up`.
  const seen = Math.hypot(tangentU, tangent.y);
  const upright = Math.hypot(upU, upV);
  let u = 1;
  let v = 0;
  if (seen > 0.3) {
    u = tangentU / seen;
    v = tangent.y / seen;
  } else if (upright > 1e-6) {
    u = upV / upright;
    v = -upU / upright;
  }
  const a = Math.hypot(upU * u + upV * v, outU * u + outV * v, alongU * u + alongV * v);
  const b = Math.hypot(upV * u - upU * v, outV * u - outU * v, alongV * u - alongU * v);
  return { a: Math.max(1, a * toPixels), b: Math.max(0.7, b * toPixels), u, v };
}

function stamp(
  map: Float32Array,
  { Rows, Columns }: Projection,
  column: number,
  row: number,
  { a, b, u, v }: Shadow,
  peak: number,
): void {
  const reachU = a * Math.abs(u) + b * Math.abs(v);
  const reachV = a * Math.abs(v) + b * Math.abs(u);
  const firstRow = Math.max(0, Math.ceil(row - reachV));
  const lastRow = Math.min(Rows - 1, Math.floor(row + reachV));
  const firstColumn = Math.max(0, Math.ceil(column - reachU));
  const lastColumn = Math.min(Columns - 1, Math.floor(column + reachU));
  const along = u / a;
  const across = -v / b;
  for (let y = firstRow; y <= lastRow; y += 1) {
    const startAlong = ((y - row) * v - column * u) / a;
    const startAcross = ((y - row) * u + column * v) / b;
    for (let x = firstColumn; x <= lastColumn; x += 1) {
      const d1 = Math.abs(startAlong + x * along);
      const d2 = startAcross + x * across;
      const inside = 1 - d2 * d2;
      if (d1 < 1 && inside > 0) {
        map[y * Columns + x]! += peak * HANN[(d1 * HANN_STEPS) | 0]! * Math.sqrt(inside);
      }
    }
  }
}

const HANN_STEPS = 256;
const HANN = Float32Array.from(
  { length: HANN_STEPS + 1 },
  (_, index) => 0.5 + 0.5 * Math.cos((Math.PI * index) / HANN_STEPS),
);

/** Discs as far apart as a pixel, or as half the radius of the rod where that is more. */
function stepOf(tube: Tube, spacingMm: number): number {
  return Math.max(spacingMm, Math.min(tube.halfHeightMm(0.5), tube.halfDepthMm(0.5)) / 2);
}

/** Points at equal distances on the Catmull-Rom curve through the control points. */
function resample(points: readonly Point[], stepMm: number): Point[] {
  const dense: Point[] = [];
  for (let index = 0; index + 1 < points.length; index += 1) {
    const p0 = points[Math.max(0, index - 1)]!;
    const p1 = points[index]!;
    const p2 = points[index + 1]!;
    const p3 = points[Math.min(points.length - 1, index + 2)]!;
    const pieces = Math.max(1, Math.ceil(distance(p1, p2) / stepMm));
    for (let piece = 0; piece < pieces; piece += 1) {
      const t = piece / pieces;
      dense.push({
        x: catmullRom(p0.x, p1.x, p2.x, p3.x, t),
        y: catmullRom(p0.y, p1.y, p2.y, p3.y, t),
        z: catmullRom(p0.z, p1.z, p2.z, p3.z, t),
      });
    }
  }
  const last = points.at(-1);
  if (last !== undefined) dense.push(last);
  return dense;
}

function catmullRom(p0: number, p1: number, p2: number, p3: number, t: number): number {
  return (
    p1 + 0.5 * t * (p2 - p0 + t * (2 * p0 - 5 * p1 + 4 * p2 - p3 + t * (3 * (p1 - p2) + p3 - p0)))
  );
}

function distance(a: Point, b: Point): number {
  return Math.hypot(a.x - b.x, a.y - b.y, a.z - b.z);
}

function cross(a: Point, b: Point): Point {
  return { x: a.y * b.z - a.z * b.y, y: a.z * b.x - a.x * b.z, z: a.x * b.y - a.y * b.x };
}

/** The upright direction across an axis; for an upright axis, the one to the side. */
function upAcross(tangent: Point): Point {
  const upright = Math.abs(tangent.y) > 0.95;
  const base = upright ? { x: 1, y: 0, z: 0 } : { x: 0, y: 1, z: 0 };
  const dot = upright ? tangent.x : tangent.y;
  const up = {
    x: base.x - dot * tangent.x,
    y: base.y - dot * tangent.y,
    z: base.z - dot * tangent.z,
  };
  const size = Math.hypot(up.x, up.y, up.z);
  return { x: up.x / size, y: up.y / size, z: up.z / size };
}
