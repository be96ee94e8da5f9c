import { describe, expect, it } from 'vitest';

import { decodedImage, generatedImage } from '../../test/support/decoded-image.js';
import { pixelHeader } from '../../test/support/pixel-header.js';
import { skimageWeights, triangleWeights, weightSums } from './axis-weights.js';
import { centreSquare, centreSquareInSpace } from './centre-crop.js';
import { rowsOf } from './image-rows.js';
import { withKernel } from '../kernel/kernel.js';
import { percentiles, stretched } from './percentile.js';
import { resizeCrop } from './resize-crop.js';
import { AS_STORED } from './tone.js';

describe('triangleWeights', () => {
  it('is the mean of neighbours, weighted as a triangle, when halving', () => {
    const { starts, weights } = triangleWeights(8, 4);
    expect(starts).toEqual([0, 1, 3, 5]);
    // Output 1 is centred on 3: inputs 1.5, 2.5, 3.5, 4.5 at distances 1.5, 0.5, 0.5, 1.5 of radius 2.
    expect([...(weights[1] ?? [])]).toEqual([0.125, 0.375, 0.375, 0.125]);
  });

  it.each([
    [7, 3],
    [3, 7],
    [224, 224],
    [1, 5],
    [2500, 224],
  ])('keeps a constant from %d to %d', (inputs, outputs) => {
    for (const sum of weightSums(triangleWeights(inputs, outputs))) {
      expect(sum).toBeCloseTo(1, 12);
    }
  });
});

describe('skimageWeights', () => {
  it('loses weight at the edges, where it sees zeros', () => {
    const sums = [...weightSums(skimageWeights(100, 10))];
    expect(sums[0]).toBeLessThan(0.9);
    expect(sums[5]).toBeCloseTo(1, 12);
  });
});

describe('centreSquare', () => {
  it.each([
    [23, 37, { x0: 7, y0: 0, columns: 23, rows: 23 }],
    [9, 5, { x0: 0, y0: 2, columns: 5, rows: 5 }],
    [4, 4, { x0: 0, y0: 0, columns: 4, rows: 4 }],
  ])('of %d rows and %d columns', (Rows, Columns, crop) => {
    const image = { ...decodedImage([[0]]), header: pixelHeader({ Rows, Columns }) };
    expect(centreSquare(image)).toEqual(crop);
    expect(centreSquareInSpace(image)).toEqual(crop);
  });

  it('is square on the detector when pixels are not', () => {
    const header = pixelHeader({ Rows: 100, Columns: 300, pixelAspectRatio: 2 });
    const image = { ...decodedImage([[0]]), header };
    expect(centreSquareInSpace(image)).toEqual({ x0: 50, y0: 0, columns: 200, rows: 100 });
    expect(centreSquare(image)).toMatchObject({ columns: 100, rows: 100 });
  });

  it('takes spacings within one percent as one', () => {
    const header = pixelHeader({ Rows: 1000, Columns: 1000, pixelAspectRatio: 1.009 });
    expect(centreSquareInSpace({ ...decodedImage([[0]]), header })).toMatchObject({ rows: 1000 });
  });
});

describe('resizeCrop', () => {
  it('equals the two matrix products written out', () => {
    const image = generatedImage(23, 37, { a: 7, b: 13, c: 3, modulus: 4096 });
    const crop = centreSquare(image);
    const rows = { ...rowsOf(image), exact: true };
    const values = resizeCrop(rows, crop, 6, skimageWeights, { tone: AS_STORED }, (plane) =>
      plane.kernel.float64(plane.at, plane.length).slice(),
    );
    const horizontal = skimageWeights(crop.columns, 6);
    const vertical = skimageWeights(crop.rows, 6);
    for (let j = 0; j < 6; j += 1) {
      for (let i = 0; i < 6; i += 1) {
        let sum = 0;
        vertical.weights[j]?.forEach((wy, dy) => {
          horizontal.weights[i]?.forEach((wx, dx) => {
            const y = crop.y0 + (vertical.starts[j] ?? 0) + dy;
            const x = crop.x0 + (horizontal.starts[i] ?? 0) + dx;
            sum += wy * wx * (image.pixels[y * image.width + x] ?? NaN);
          });
        });
        expect(values[6 * j + i]).toBeCloseTo(sum, 6);
      }
    }
  });
});

/** Values as a plane of the kernel. */
function inKernel<T>(
  values: Float64Array,
  use: (plane: Parameters<typeof percentiles>[0]) => T,
): T {
  return withKernel((kernel) => {
    const { length } = values;
    const at = kernel.allocate(8 * length);
    kernel.float64(at, length).set(values);
    return use({ kernel, at, length });
  });
}

describe('percentiles', () => {
  it.each<[string, (index: number) => number]>([
    ['spread values', (index) => (index * 7919) % 503],
    ['values of which one lies far away', (index) => (index === 400 ? 1e12 : (index * 31) % 997)],
    ['equal values', () => -2.5],
    ['values nearer than numbers can tell', (index) => (index % 2) * Number.MIN_VALUE],
  ])('agree with sorting for %s', (_, valueAt) => {
    const values = Float64Array.from({ length: 999 }, (_, index) => valueAt(index));
    const sorted = values.slice().sort();
    const wanted = [0, 1, 37.3, 50, 99, 100];
    const found = inKernel(values, (plane) => percentiles(plane, wanted));
    wanted.forEach((q, index) => {
      const t = (q / 100) * 998;
      const k = Math.floor(t);
      const below = sorted[k] ?? NaN;
      const above = sorted[Math.min(k + 1, 998)] ?? NaN;
      expect(found[index]).toBe(below + (t - k) * (above - below));
    });
  });

  it('work on one value and refuse none', () => {
    const median = (...values: number[]) =>
      inKernel(Float64Array.from(values), (plane) => percentiles(plane, [50]));
    expect(median(3)).toEqual([3]);
    expect(() => median()).toThrow(RangeError);
  });
});

describe('stretched', () => {
  it.each([1, 2, 7, 60])(
    'brings two percentiles of a plane of %i pixels a side to -1 and 1',
    (size) => {
      const values = Float64Array.from({ length: size * size }, (_, at) => (at * 7919) % 503);
      const [low = 0, high = 0] = inKernel(values, (plane) => percentiles(plane, [10, 80]));
      const result = inKernel(values, (plane) =>
        stretched(plane, { low: 10, high: 80 }, 1e-6, new Float32Array(values.length)),
      );
      expect(result).toHaveLength(values.length);
      result.forEach((value, at) => {
        const place = (2 * (values[at]! - low)) / (high - low) - 1;
        expect(value).toBeCloseTo(high > low ? Math.min(1, Math.max(-1, place)) : 0, 6);
      });
    },
  );
});
