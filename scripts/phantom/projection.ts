import type { Point, Section, Solid } from './solid.js';

/**
 * How patient millimetres land on pixels. Rays are parallel to an axis within one solid; each solid is
 * magnified as its own middle is, which keeps the heart of an AP image large without tracing a cone.
 */
export interface Projection {
  readonly Rows: number;
  readonly Columns: number;
  readonly spacingMm: number;
  /** The place in the patient under the middle of the image: across and down. */
  readonly centre: { readonly acrossMm: number; readonly downMm: number };
  /** Frontal: columns run along x, rays along z. Lateral: columns along z, rays along x. */
  readonly lateral: boolean;
  /** Column and row of a point, as real numbers; pixel centres are whole numbers. */
  pixel(point: Point): { readonly column: number; readonly row: number };
  /** Magnification at a depth along the ray, relative to the middle of the body. */
  magnification(depthMm: number): number;
}

export interface ProjectionOptions {
  readonly Rows: number;
  readonly Columns: number;
  readonly view: 'PA' | 'AP' | 'LL';
  readonly centre: Projection['centre'];
}

/** Smallest field that shows a whole adult chest. */
const FIELD_WIDTH_MM = 340;
const FIELD_HEIGHT_MM = 374;
const SOURCE_TO_DETECTOR_MM = { PA: 1800, AP: 1100, LL: 1800 } as const;
/** From the middle of the body to the detector behind its surface. */
const BODY_TO_DETECTOR_MM = { PA: 150, AP: 150, LL: 200 } as const;

export function createProjection(options: ProjectionOptions): Projection {
  const { Rows, Columns, view, centre } = options;
  const spacingMm = Math.max(FIELD_WIDTH_MM / Columns, FIELD_HEIGHT_MM / Rows);
  const lateral = view === 'LL';
  // Depth grows to the back (frontal) or to the patient's left (lateral): the detector is in front for
  // PA, behind for AP, at the left for a left lateral.
  const towardsDetector = view === 'PA' ? -1 : 1;
  const toSource = SOURCE_TO_DETECTOR_MM[view] - BODY_TO_DETECTOR_MM[view];
  const magnification = (depthMm: number): number =>
    toSource / (toSource + towardsDetector * depthMm);
  return {
    Rows,
    Columns,
    spacingMm,
    centre,
    lateral,
    magnification,
    pixel: ({ x, y, z }) => {
      const scale = magnification(lateral ? x : z) / spacingMm;
      return {
        column: (Columns - 1) / 2 + ((lateral ? z : x) - centre.acrossMm) * scale,
        row: (Rows - 1) / 2 + (y - centre.downMm) * scale,
      };
    },
  };
}

/** One cut as the rays of one image row see it: `middle` and `half` across, `depth` and `halfDepth` along. */
interface RowSpan {
  readonly middle: number;
  readonly half: number;
  readonly depth: number;
  readonly halfDepth: number;
}

/**
 * The span of a solid in the plane of an image row, in mm at the middle of the body.
 * `depthMm` is the depth that stands for the whole solid.
 */
export function rowSpan(
  solid: Solid,
  projection: Projection,
  yMm: number,
  depthMm: number,
): RowSpan | undefined {
  const scale = projection.magnification(depthMm);
  const { acrossMm, downMm } = projection.centre;
  const y = downMm + (yMm - downMm) / scale;
  if (y < solid.yMin || y > solid.yMax) return undefined;
  const section = solid.section(y);
  if (section === undefined) return undefined;
  const span = spanOf(section, projection.lateral);
  return {
    ...span,
    middle: acrossMm + (span.middle - acrossMm) * scale,
    half: span.half * scale,
  };
}

function spanOf(section: Section, lateral: boolean): RowSpan {
  const { x, z, halfX, halfZ } = section;
  return lateral
    ? { middle: z, half: halfZ, depth: x, halfDepth: halfX }
    : { middle: x, half: halfX, depth: z, halfDepth: halfZ };
}

/** Depth of a solid's middle along the rays of a projection. */
export function middleDepth(solid: Solid, lateral: boolean): number {
  const section = solid.section((solid.yMin + solid.yMax) / 2);
  if (section === undefined) return 0;
  return lateral ? section.x : section.z;
}
