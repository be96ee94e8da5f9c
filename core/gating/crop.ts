import { CROP_TEMPLATES } from './crop-templates.js';
import { THUMBNAIL_CELLS } from './picture.js';

export const CROP_SIDES = ['left', 'right', 'top', 'bottom'] as const;
export type CropSide = (typeof CROP_SIDES)[number];

type Template = (typeof CROP_TEMPLATES)[keyof typeof CROP_TEMPLATES];

/**
 * Sides of the picture at which a part of the chest is missing: cut off, or beyond a collimator.
 * `thumbnail` is one of an upright chest of normal polarity; of others the answer means nothing.
 */
export function croppedSides(thumbnail: Float32Array): readonly CropSide[] {
  return CROP_SIDES.filter((side) => {
    const template: Template = CROP_TEMPLATES[side === 'right' ? 'left' : side];
    return score(thumbnail, template, side === 'right') > template.threshold;
  });
}

function score(
  thumbnail: Float32Array,
  { weights, intercept }: Template,
  mirrored: boolean,
): number {
  const last = THUMBNAIL_CELLS - 1;
  return weights.reduce((sum: number, weight, cell) => {
    const x = cell % THUMBNAIL_CELLS;
    return sum + weight * thumbnail[mirrored ? cell - x + last - x : cell]!;
  }, intercept);
}
