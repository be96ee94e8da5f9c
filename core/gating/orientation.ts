import { THUMBNAIL_CELLS } from './picture.js';
import { UPRIGHT_TEMPLATE } from './upright-template.js';

/** Clockwise degrees by which the picture is turned away from upright. */
export const ROTATIONS = [0, 90, 180, 270] as const;
export type Rotation = (typeof ROTATIONS)[number];

export interface Orientation {
  readonly rotation: Rotation;
  /** Lungs bright and bones dark. */
  readonly inverted: boolean;
  /** Log-odds of this against upright with normal polarity; 0 when that is the likeliest. */
  readonly margin: number;
}

/**
 * The likeliest of eight ways in which a frontal chest can lie: four rotations, two polarities.
 *
 * One linear template T was fitted as a multinomial logistic regression over the eight (scripts/train): T
 * scores a thumbnail turned back by each rotation and, with the sign changed, each of them inverted. It
 * is symmetric, so mirrored images score the same.
 *
 * Shape: [THUMBNAIL_CELLS, THUMBNAIL_CELLS] of `thumbnailOf`.
 */
export function orientationOf(thumbnail: Float32Array): Orientation {
  let upright = 0;
  let best: Orientation = { rotation: 0, inverted: false, margin: 0 };
  for (const rotation of ROTATIONS) {
    const score = templateScore(thumbnail, rotation);
    if (rotation === 0) {
      upright = score;
    }
    for (const inverted of [false, true]) {
      const margin = (inverted ? -score : score) - upright;
      if (margin > best.margin) {
        best = { rotation, inverted, margin };
      }
    }
  }
  return best;
}

/** Sum of template times thumbnail, read as if it were turned back by `rotation`. */
function templateScore(thumbnail: Float32Array, rotation: Rotation): number {
  const last = THUMBNAIL_CELLS - 1;
  const half = THUMBNAIL_CELLS / 2;
  let sum = 0;
  for (let y = 0; y < THUMBNAIL_CELLS; y += 1) {
    for (let x = 0; x < THUMBNAIL_CELLS; x += 1) {
      const weight = UPRIGHT_TEMPLATE[y * half + Math.min(x, last - x)]!;
      sum += weight * thumbnail[sourceIndex(x, y, rotation, last)]!;
    }
  }
  return sum;
}

/** Where the upright picture's cell (x, y) lies in one that is turned clockwise. */
function sourceIndex(x: number, y: number, rotation: Rotation, last: number): number {
  const row = last + 1;
  switch (rotation) {
    case 0:
      return y * row + x;
    case 90:
      return x * row + (last - y);
    case 180:
      return (last - y) * row + (last - x);
    case 270:
      return (last - x) * row + y;
  }
}
