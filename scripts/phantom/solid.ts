import type { Profile } from './profile.js';

/**
 * Patient coordinates in mm: x to the patient's left, y to the feet, z to the back. The origin is at the
 * height of the lung apices, in the midline, halfway from front to back.
 */
export interface Point {
  readonly x: number;
  readonly y: number;
  readonly z: number;
}

/** A horizontal cut through a solid: |dx / halfX|^n + |dz / halfZ|^n <= 1. */
export interface Section {
  readonly x: number;
  readonly z: number;
  readonly halfX: number;
  readonly halfZ: number;
}

/**
 * A solid made of horizontal superellipses. Every line along x or z meets it in one piece, whose ends are
 * known in closed form: that is all that a projection needs.
 */
export interface Solid {
  readonly yMin: number;
  readonly yMax: number;
  /** n of the superellipse: 2 for an ellipse, more for a rounder box. */
  readonly exponent: number;
  /** The cut at a height between yMin and yMax; undefined where there is nothing. */
  readonly section: (y: number) => Section | undefined;
}

/** An ellipsoid, turned in the frontal plane by `tilt` (radians, its head towards the patient's left). */
export function ellipsoid(centre: Point, half: Point, tilt = 0): Solid {
  const cos = Math.cos(tilt);
  const sin = Math.sin(tilt);
  // In the x-y plane: extent upwards, shear of the chords' middles, half-length of the middle chord.
  const height = Math.hypot(half.x * sin, half.y * cos);
  const shear = ((half.x ** 2 - half.y ** 2) * sin * cos) / height ** 2;
  const width = (half.x * half.y) / height;
  return {
    yMin: centre.y - height,
    yMax: centre.y + height,
    exponent: 2,
    section: (y) => {
      const dy = y - centre.y;
      const scale = Math.sqrt(Math.max(0, 1 - (dy / height) ** 2));
      if (scale === 0) return undefined;
      return {
        x: centre.x + shear * dy,
        z: centre.z,
        halfX: width * scale,
        halfZ: half.z * scale,
      };
    },
  };
}

export interface ColumnShape {
  readonly yMin: number;
  readonly yMax: number;
  readonly exponent?: number;
  readonly x: Profile;
  readonly z: Profile;
  readonly halfX: Profile;
  readonly halfZ: Profile;
}

/** A solid whose cuts follow profiles of height. */
export function column(shape: ColumnShape): Solid {
  const { yMin, yMax, exponent = 2, x, z, halfX, halfZ } = shape;
  return {
    yMin,
    yMax,
    exponent,
    section: (y) => ({ x: x(y), z: z(y), halfX: halfX(y), halfZ: halfZ(y) }),
  };
}

/** The part of a solid between two heights. */
export function between(solid: Solid, yMin: number, yMax: number): Solid {
  return { ...solid, yMin: Math.max(solid.yMin, yMin), yMax: Math.min(solid.yMax, yMax) };
}

/** A solid with every cut replaced. */
export function reshape(
  solid: Solid,
  change: (section: Section, y: number) => Section | undefined,
): Solid {
  return {
    ...solid,
    section: (y) => {
      const section = solid.section(y);
      return section && change(section, y);
    },
  };
}

/** The solid without its outer layer of the given thickness, on its sides. */
export function shrink(solid: Solid, byMm: number): Solid {
  return reshape(solid, (section) => {
    const halfX = section.halfX - byMm;
    const halfZ = section.halfZ - byMm;
    return halfX > 0 && halfZ > 0 ? { ...section, halfX, halfZ } : undefined;
  });
}

export function contains(solid: Solid, { x, y, z }: Point): boolean {
  if (y < solid.yMin || y > solid.yMax) return false;
  const section = solid.section(y);
  if (section === undefined) return false;
  const n = solid.exponent;
  return (
    (Math.abs(x - section.x) / section.halfX) ** n +
      (Math.abs(z - section.z) / section.halfZ) ** n <=
    1
  );
}
