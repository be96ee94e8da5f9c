import { ATTENUATION_PER_MM as MU } from './materials.js';
import type { Projection } from './projection.js';
import type { Point } from './solid.js';
import { constant, type Tube } from './tube.js';

/** The lead letter L in the corner at the patient's left. */
export function drawSideMarker({ Rows, Columns, spacingMm, centre }: Projection): Tube[] {
  const halfWidth = ((Columns - 1) / 2) * spacingMm;
  const halfHeight = ((Rows - 1) / 2) * spacingMm;
  const left = centre.acrossMm + halfWidth - 30;
  const top = centre.downMm - halfHeight + 22;
  const at = (x: number, y: number): Point => ({ x: left + x, y: top + y, z: 0 });
  const stroke = (from: Point, to: Point): Tube => ({
    axis: [from, to],
    halfHeightMm: constant(1.4),
    halfDepthMm: constant(1.4),
    perMm: MU.lead,
  });
  return [stroke(at(0, 0), at(0, 14)), stroke(at(0, 14), at(9, 14))];
}
