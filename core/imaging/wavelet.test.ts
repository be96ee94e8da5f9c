import { describe, expect, it } from 'vitest';

import { skimageWeights, triangleWeights, weightSums } from './axis-weights.js';
import type { AxisWeights } from './axis-weights.js';
import { foldWeights, reducedBias } from './wavelet.js';

/** Source: T.800 Annex F, with whole-sample symmetric extension. */
const LOW_PASS = {
  '5/3': [6 / 8, 2 / 8, -1 / 8],
  '9/7': [
    0.60294901823636, 0.266864118442875, -0.07822326652899, -0.016864118442875, 0.02674875741081,
  ],
} as const;

function halved(signal: readonly number[], wavelet: '5/3' | '9/7'): number[] {
  const mirrored = (at: number) => {
    const inside = at < 0 ? -at : at;
    return signal[inside < signal.length ? inside : 2 * (signal.length - 1) - inside] ?? NaN;
  };
  return Array.from({ length: Math.ceil(signal.length / 2) }, (_, n) =>
    LOW_PASS[wavelet].reduce(
      (sum, weight, k) =>
        sum + weight * (k === 0 ? mirrored(2 * n) : mirrored(2 * n - k) + mirrored(2 * n + k)),
      0,
    ),
  );
}

function filtered(signal: readonly number[], { starts, weights }: AxisWeights): number[] {
  return weights.map((row, output) =>
    row.reduce((sum, weight, k) => sum + weight * (signal[(starts[output] ?? NaN) + k] ?? NaN), 0),
  );
}

/** Steps up and down of many sizes, and waves: what edges and structures of a radiograph are made of. */
const signal = Array.from(
  { length: 2000 },
  (_, x) => 1000 + 400 * Math.sin(x / 60) + 150 * Math.sin(x / 9) + (x % 400 < 180 ? 200 : 0),
);

describe('foldWeights', () => {
  it.each([
    ['5/3', 1, 2],
    ['5/3', 2, 6],
    ['9/7', 1, 1],
    ['9/7', 2, 3],
  ] as const)(
    'gives with the %s wavelet, %d halvings, what the full grid gives, to %d of 2000',
    (wavelet, reduction, tolerance) => {
      let reduced: number[] = signal;
      for (let level = 0; level < reduction; level += 1) {
        reduced = halved(reduced, wavelet);
      }
      for (const weightsOf of [triangleWeights, skimageWeights]) {
        const origin = 37;
        const full = weightsOf(1900, 180);
        const expected = filtered(signal.slice(origin, origin + 1900), full);
        const folded = foldWeights(full, origin, reduced.length, { wavelet, reduction });
        const values = filtered(reduced, folded);
        const off = values.map((value, index) => Math.abs(value - (expected[index] ?? NaN)));
        expect(Math.max(...off)).toBeLessThan(tolerance);
      }
    },
  );

  it('keeps the weight of every output, and so constants', () => {
    const full = skimageWeights(1900, 180);
    const sums = weightSums(full);
    weightSums(foldWeights(full, 37, 500, { wavelet: '9/7', reduction: 2 })).forEach((sum, at) => {
      expect(sum).toBeCloseTo(sums[at] ?? NaN, 12);
    });
  });

  it('works on images of a few samples', () => {
    const folded = foldWeights(triangleWeights(5, 2), 0, 2, { wavelet: '5/3', reduction: 2 });
    expect(Math.max(...folded.starts)).toBe(0);
    expect(folded.weights.every((row) => row.length === 2 && row.every(Number.isFinite))).toBe(
      true,
    );
  });
});

describe('reducedBias', () => {
  it('is half a stored value a halving, of the reversible wavelet only', () => {
    expect(reducedBias({ wavelet: '5/3', reduction: 3 })).toBe(1.5);
    expect(reducedBias({ wavelet: '9/7', reduction: 3 })).toBe(0);
    expect(reducedBias({ reduction: 0 })).toBe(0);
  });
});
