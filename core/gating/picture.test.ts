import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { withKernel } from '../kernel/kernel.js';
import { levelsOf, THUMBNAIL_CELLS, thumbnailOf, withPicture } from './picture.js';

/** Planes of any size, with values beyond the range and runs of equal ones. */
const planes = fc
  .record({
    size: fc.integer({ min: 1, max: 37 }),
    range: fc.constantFrom([-1, 1] as const, [-1024, 1024] as const, [0, 255] as const),
    spread: fc.constantFrom(0, 1e-4, 0.3, 1.2),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
    seed: fc.integer(),
  })
  .map(({ size, range, spread, share, seed }) => {
    let state = seed >>> 0;
    const next = () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state / 2 ** 32;
    };
    const [bottom, top] = range;
    const middle = (bottom + top) / 2;
    const plane = Float32Array.from({ length: size * size }, () =>
      next() < share ? bottom : middle + (next() - 0.5) * spread * (top - bottom),
    );
    return { size, range, plane };
  });

/** The value up to which a share of all lie, in thousandths of the range. */
function quantile(plane: Float32Array, [bottom, top]: readonly [number, number], share: number) {
  const step = (top - bottom) / 1024;
  const levels = Array.from(plane, (value) =>
    Math.min(1024, Math.max(0, Math.floor((value - bottom) / step + 0.5))),
  ).sort((a, b) => a - b);
  return bottom + levels[Math.max(0, Math.ceil(share * levels.length) - 1)]! * step;
}

describe('withPicture', () => {
  it('stretches the 1st and 99th percentile to -1 and 1 and counts what is held there', () => {
    fc.assert(
      fc.property(planes, ({ size, range, plane }) => {
        const picture = withPicture(plane, size, range, (found) => ({
          contrast: found.contrast,
          saturated: found.saturated,
          values: levelsOf(found).slice(),
        }));
        const low = quantile(plane, range, 0.01);
        const high = quantile(plane, range, 0.99);
        expect(picture.contrast).toBeCloseTo((high - low) / (range[1] - range[0]), 12);
        const expected = plane.map((value) =>
          high > low ? Math.min(1, Math.max(-1, (2 * (value - low)) / (high - low) - 1)) : 0,
        );
        picture.values.forEach((value, index) => {
          expect(Math.abs(value - expected[index]!)).toBeLessThan(1e-6);
        });
        const held = [-1, 1].map((end) => picture.values.filter((value) => value === end).length);
        expect(picture.saturated).toBe(high > low ? Math.max(...held) / plane.length : 0);
      }),
      { seed: 20240502, numRuns: 300 },
    );
  });
});

describe('thumbnailOf', () => {
  it.each([16, 37, 50])('averages square cells of %i pixels a side', (size) => {
    const values = Float32Array.from(
      { length: size * size },
      (_, at) => Math.sin(at * 0.37) + Math.cos((3 * at) / size ** 2),
    );
    const means = Array.from({ length: THUMBNAIL_CELLS ** 2 }, (_, cell) => {
      const inside = values.filter((_, at) => {
        const row = Math.floor((Math.floor(at / size) * THUMBNAIL_CELLS) / size);
        return row * THUMBNAIL_CELLS + Math.floor(((at % size) * THUMBNAIL_CELLS) / size) === cell;
      });
      return inside.reduce((sum, value) => sum + value, 0) / inside.length;
    });
    const mean = means.reduce((sum, value) => sum + value, 0) / means.length;
    const variance = means.reduce((sum, value) => sum + (value - mean) ** 2, 0) / means.length;
    const thumbnail = withKernel((kernel) => {
      const at = kernel.allocate(values.byteLength);
      kernel.float32(at, values.length).set(values);
      return thumbnailOf({ size, kernel, at, contrast: 1, saturated: 0 });
    });
    thumbnail.forEach((value, cell) => {
      expect(value).toBeCloseTo((means[cell]! - mean) / Math.sqrt(variance), 5);
    });
  });
});
