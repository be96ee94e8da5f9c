import { middleDepth, rowSpan, type Projection } from './projection.js';
import type { Solid } from './solid.js';

/** A solid filled with one material. In a list of layers a later one displaces the earlier ones. */
export interface Layer {
  readonly solid: Solid;
  /** Linear attenuation coefficient. */
  readonly perMm: number;
  /** Filled with aerated lung, which gets its texture from elsewhere. */
  readonly lung?: true;
}

export interface RayCast {
  /** Line integral of the attenuation along each ray, dimensionless. Shape: [rows, columns]. */
  readonly attenuation: Float32Array;
  /** Path through aerated lung in mm. Shape: [rows, columns]. */
  readonly lungDepthMm: Float32Array;
}

/** Where a lattice of rays meets the plane in the middle of the body. */
export interface Lattice {
  readonly rows: number;
  readonly columns: number;
  readonly acrossMm: (column: number) => number;
  readonly downMm: (row: number) => number;
}

/**
 * Beer-Lambert line integrals through layered solids. Along a ray each solid is one interval; the
 * intervals are taken from the topmost layer down, and each adds what no layer above it has covered.
 */
export function castRays(
  layers: readonly Layer[],
  projection: Projection,
  lattice: Lattice,
): RayCast {
  const { rows, columns } = lattice;
  const attenuation = new Float32Array(rows * columns);
  const lungDepthMm = new Float32Array(rows * columns);
  const across = Float64Array.from({ length: columns }, (_, column) => lattice.acrossMm(column));
  const topDown = layers
    .map((layer) => ({
      layer,
      depthMm: middleDepth(layer.solid, projection.lateral),
      chord: chordTable(layer.solid.exponent),
    }))
    .reverse();
  const cover = createCover(layers.length);
  // The spans of one row as columns of numbers: this loop is where a phantom's time goes.
  const middle = new Float64Array(layers.length);
  const half = new Float64Array(layers.length);
  const depth = new Float64Array(layers.length);
  const halfDepth = new Float64Array(layers.length);
  const active: (typeof topDown)[number][] = [];
  for (let row = 0; row < rows; row += 1) {
    const yMm = lattice.downMm(row);
    active.length = 0;
    for (const candidate of topDown) {
      const span = rowSpan(candidate.layer.solid, projection, yMm, candidate.depthMm);
      if (span === undefined || span.half <= 0) continue;
      const at = active.push(candidate) - 1;
      middle[at] = span.middle;
      half[at] = span.half;
      depth[at] = span.depth;
      halfDepth[at] = span.halfDepth;
    }
    for (let column = 0; column < columns; column += 1) {
      const place = across[column]!;
      let sum = 0;
      let lung = 0;
      cover.clear();
      for (let at = 0; at < active.length; at += 1) {
        const offset = Math.abs(place - middle[at]!);
        if (offset >= half[at]!) continue;
        const { chord, layer } = active[at]!;
        const step = (offset / half[at]!) ** 2 * CHORD_STEPS;
        const index = Math.floor(step);
        const low = chord[index]!;
        const reach = halfDepth[at]! * (low + (step - index) * (chord[index + 1]! - low));
        const fresh = cover.claim(depth[at]! - reach, depth[at]! + reach);
        sum += fresh * layer.perMm;
        if (layer.lung === true) lung += fresh;
      }
      attenuation[row * columns + column] = sum;
      lungDepthMm[row * columns + column] = lung;
    }
  }
  return { attenuation, lungDepthMm };
}

const CHORD_STEPS = 1024;
const chordTables = new Map<number, Float32Array>();

/** (1 - t^n)^(1/n) over t squared, whose slope stays small near t = 0 and whose table needs few steps. */
function chordTable(exponent: number): Float32Array {
  const known = chordTables.get(exponent);
  if (known !== undefined) return known;
  const table = Float32Array.from({ length: CHORD_STEPS + 2 }, (_, index) => {
    const t = Math.sqrt(Math.min(1, index / CHORD_STEPS));
    return (1 - t ** exponent) ** (1 / exponent);
  });
  chordTables.set(exponent, table);
  return table;
}

/** The part of a ray that is taken: disjoint intervals in order, at most one more than were claimed. */
function createCover(capacity: number): {
  clear: () => void;
  claim: (from: number, to: number) => number;
} {
  const starts = new Float64Array(capacity + 1);
  const ends = new Float64Array(capacity + 1);
  let count = 0;
  return {
    clear: () => {
      count = 0;
    },
    /** Takes an interval and returns how much of it was free. */
    claim: (from, to) => {
      let first = 0;
      while (first < count && ends[first]! < from) first += 1;
      let last = first;
      let free = to - from;
      let start = from;
      let end = to;
      while (last < count && starts[last]! <= to) {
        free -= Math.min(to, ends[last]!) - Math.max(from, starts[last]!);
        start = Math.min(start, starts[last]!);
        end = Math.max(end, ends[last]!);
        last += 1;
      }
      const merged = last - first;
      if (merged !== 1) {
        starts.copyWithin(first + 1, last, count);
        ends.copyWithin(first + 1, last, count);
        count += 1 - merged;
      }
      starts[first] = start;
      ends[first] = end;
      return free;
    },
  };
}
