import { expect, it } from 'vitest';

import { CROP_TEMPLATES } from './crop-templates.js';
import { croppedSides } from './crop.js';
import { THUMBNAIL_CELLS } from './picture.js';

/** What a template answers to most: its own weights, as a thumbnail. */
function like(side: keyof typeof CROP_TEMPLATES): Float32Array {
  const { weights } = CROP_TEMPLATES[side];
  const squares = weights.reduce((sum: number, weight) => sum + weight * weight, 0);
  return Float32Array.from(weights, (weight) => (THUMBNAIL_CELLS * weight) / Math.sqrt(squares));
}

function mirrored(thumbnail: Float32Array): Float32Array {
  return thumbnail.map((_, cell) => {
    const x = cell % THUMBNAIL_CELLS;
    return thumbnail[cell - x + THUMBNAIL_CELLS - 1 - x]!;
  });
}

it.each(['left', 'top', 'bottom'] as const)('finds what is missing at the %s', (side) => {
  expect(croppedSides(like(side))).toContain(side);
});

it('finds at the right what it finds at the left of the mirrored picture', () => {
  for (let seed = 1; seed <= 50; seed += 1) {
    const picture = Float32Array.from({ length: THUMBNAIL_CELLS ** 2 }, (_, cell) =>
      Math.sin(seed * (cell + 1) ** 1.5),
    );
    expect(croppedSides(picture).includes('left')).toBe(
      croppedSides(mirrored(picture)).includes('right'),
    );
  }
});

it('finds nothing in a picture without structure', () => {
  expect(croppedSides(new Float32Array(THUMBNAIL_CELLS ** 2))).toEqual([]);
});
