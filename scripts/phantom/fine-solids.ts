import { middleDepth, rowSpan, type Projection } from './projection.js';
import { shrink, type Point, type Solid } from './solid.js';

/** Adds a ball to a map of line integrals. Shape of the map: [Rows, Columns]. */
export function addBall(
  map: Float32Array,
  projection: Projection,
  centre: Point,
  radiusMm: number,
  perMm: number,
): void {
  const { Rows, Columns, spacingMm, lateral } = projection;
  const { column, row } = projection.pixel(centre);
  const pixelMm = spacingMm / projection.magnification(lateral ? centre.x : centre.z);
  const reach = radiusMm / pixelMm;
  for (let y = Math.max(0, Math.ceil(row - reach)); y <= Math.min(Rows - 1, row + reach); y += 1) {
    const first = Math.max(0, Math.ceil(column - reach));
    for (let x = first; x <= Math.min(Columns - 1, column + reach); x += 1) {
      const squared = radiusMm ** 2 - ((x - column) ** 2 + (y - row) ** 2) * pixelMm ** 2;
      if (squared > 0) map[y * Columns + x]! += 2 * Math.sqrt(squared) * perMm;
    }
  }
}

/**
 * Adds the thin skin of a solid, at the resolution of the image: where the rays graze it, it shows as a
 * line. Only the upper and outer edge is wanted of a lung, so the skin fades towards the midline.
 */
export function addEdge(
  map: Float32Array,
  projection: Projection,
  solid: Solid,
  thicknessMm: number,
  perMm: number,
): void {
  const { Rows, Columns, spacingMm, centre } = projection;
  const inner = shrink(solid, thicknessMm);
  const depthMm = middleDepth(solid, projection.lateral);
  for (let row = 0; row < Rows; row += 1) {
    const yMm = centre.downMm + (row - (Rows - 1) / 2) * spacingMm;
    const skin = rowSpan(solid, projection, yMm, depthMm);
    const core = rowSpan(inner, projection, yMm, depthMm);
    if (skin === undefined) continue;
    for (let column = 0; column < Columns; column += 1) {
      const across = centre.acrossMm + (column - (Columns - 1) / 2) * spacingMm;
      const chord = (span: typeof skin | undefined): number => {
        const offset = span === undefined ? 1 : Math.abs(across - span.middle) / span.half;
        return span === undefined || offset >= 1
          ? 0
          : 2 * span.halfDepth * (1 - offset ** solid.exponent) ** (1 / solid.exponent);
      };
      const outwards = Math.sign(skin.middle) * (across - skin.middle);
      if (outwards <= -skin.half * 0.3 || Math.abs(across - skin.middle) >= skin.half) continue;
      const fade = Math.min(1, (outwards + skin.half * 0.3) / (skin.half * 0.3));
      map[row * Columns + column]! += fade * perMm * (chord(skin) - chord(core));
    }
  }
}
