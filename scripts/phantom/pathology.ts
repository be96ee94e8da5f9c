import type { Side, Thorax } from './anatomy.js';
import type { Habitus } from './habitus.js';
import { ATTENUATION_PER_MM as MU } from './materials.js';
import type { Layer } from './ray-cast.js';
import { between, contains, reshape, shrink, type Point, type Solid } from './solid.js';

/** `left` and `right` are the patient's. */
type BodySide = 'left' | 'right';

/** What the phantom suffers from. */
export type Pathology =
  | { readonly kind: 'none' }
  /** Free pleural fluid of a standing patient; its meniscus reaches `heightMm` above the dome. */
  | { readonly kind: 'effusion'; readonly side: BodySide; readonly heightMm: number }
  /**
   * A solid ball in the lung. `height` runs from 0 at the apex to 1 at the dome, `across` from 0 at the
   * midline to 1 at the ribs.
   */
  | {
      readonly kind: 'nodule';
      readonly side: BodySide;
      readonly height: number;
      readonly across: number;
      readonly diameterMm: number;
    }
  /** A heart of the given transverse diameter over the inner diameter of the chest. */
  | { readonly kind: 'cardiomegaly'; readonly cardiothoracicRatio: number }
  /** Air between lung and ribs, `rimMm` wide at the apex and thinner below. */
  | { readonly kind: 'pneumothorax'; readonly side: BodySide; readonly rimMm: number };

export interface LungFields {
  readonly layers: readonly Layer[];
  /** Where vessels run through air-filled lung. */
  readonly aerated: (point: Point) => boolean;
  /** Edge of a collapsed lung, which shows as a fine line. */
  readonly pleuralLine: Solid | undefined;
}

const sideOf = (side: BodySide): Side => (side === 'left' ? 1 : -1);

/** The lungs with what air or fluid the pathology has put around them. */
export function drawLungFields(thorax: Thorax, pathology: Pathology): LungFields {
  const layers: Layer[] = [];
  const aeratedSolids: Solid[] = [];
  let pleuralLine: Solid | undefined;
  for (const side of [-1, 1] as const) {
    const whole = thorax.lungs[side];
    if (pathology.kind === 'pneumothorax' && sideOf(pathology.side) === side) {
      const collapsed = collapse(whole, side, pathology.rimMm);
      layers.push(
        { solid: whole, perMm: MU.air },
        // A partly collapsed lung holds the same tissue in less room.
        { solid: collapsed, perMm: MU.lung * 1.12, lung: true },
      );
      aeratedSolids.push(collapsed);
      // Below the dome the abdomen hides it.
      pleuralLine = between(collapsed, collapsed.yMin, thorax.domeTopMm[side] + 8);
    } else if (pathology.kind === 'effusion' && sideOf(pathology.side) === side) {
      const level = thorax.domeTopMm[side] - pathology.heightMm;
      const floating = floatOn(whole, side, level, Math.max(18, 0.9 * pathology.heightMm));
      layers.push(
        { solid: whole, perMm: MU.fluid },
        { solid: floating, perMm: MU.lung, lung: true },
      );
      aeratedSolids.push(floating);
    } else {
      layers.push({ solid: whole, perMm: MU.lung, lung: true });
      aeratedSolids.push(whole);
    }
  }
  const inside = aeratedSolids.map((solid) => shrink(solid, 4));
  return {
    layers,
    pleuralLine,
    aerated: (point) => inside.some((solid) => contains(solid, point)),
  };
}

/** Centre of the nodule in patient coordinates. */
export function nodulePoint(
  thorax: Thorax,
  { side, height, across }: Extract<Pathology, { kind: 'nodule' }>,
): Point {
  const y = height * thorax.domeTopMm[sideOf(side)];
  const section = thorax.lungs[sideOf(side)].section(y);
  return { x: sideOf(side) * across * thorax.innerHalfWidthMm(y), y, z: section?.z ?? 0 };
}

export function withPathology(habitus: Habitus, pathology: Pathology): Habitus {
  return pathology.kind === 'cardiomegaly'
    ? { ...habitus, cardiothoracicRatio: pathology.cardiothoracicRatio }
    : habitus;
}

/** The lung drawn back from the ribs, most at the apex; its medial edge stays at the mediastinum. */
function collapse(lung: Solid, side: Side, rimMm: number): Solid {
  const top = lung.yMin + rimMm * 1.15;
  return reshape({ ...lung, yMin: top }, (section, y) => {
    const fromTop = Math.min(1, (y - top) / 55);
    const round = Math.sqrt(Math.max(0, 1 - (1 - fromTop) ** 2));
    const rim = rimMm * (0.3 + 0.7 * Math.exp(-(y - top) / 90));
    const halfX = round * (section.halfX - rim / 2);
    const medial = section.x - side * section.halfX;
    if (halfX <= 1) return undefined;
    return {
      x: medial + side * (halfX + (1 - round) * section.halfX * 0.55),
      z: section.z,
      halfX,
      halfZ: Math.max(1, round * (section.halfZ - 0.6 * rim)),
    };
  });
}

/** A lung that floats on fluid: whole above the level, below it a bowl that is steep at the ribs. */
function floatOn(lung: Solid, side: Side, levelMm: number, depthMm: number): Solid {
  return reshape({ ...lung, yMax: Math.min(lung.yMax, levelMm + depthMm) }, (section, y) => {
    const below = Math.max(0, (y - levelMm) / depthMm);
    const scale = Math.sqrt(Math.max(0, 1 - below ** 1.6));
    if (scale === 0) return undefined;
    return {
      x: section.x - side * section.halfX * (1 - scale) * 0.5,
      z: section.z * scale,
      halfX: section.halfX * scale,
      halfZ: section.halfZ * scale,
    };
  });
}
