import { readFileSync } from 'node:fs';

import { describe, expect, it } from 'vitest';
import { z } from 'zod';

import { decodedImage, generatedImage } from '../../../test/support/decoded-image.js';
import { pixelHeader } from '../../../test/support/pixel-header.js';
import type { DecodedImage } from '../../imaging/decoded-image.js';
import { rowsOf } from '../../imaging/image-rows.js';
import { getRecipe, RECIPE_NAMES, recipeRange } from './recipe.js';

/** Applies a recipe to an image in memory. */
function apply(recipe: string, image: DecodedImage, size: number, exact = false): Float32Array {
  return getRecipe(recipe)({ ...rowsOf(image), exact }, size);
}

const generator = z.object({ a: z.number(), b: z.number(), c: z.number(), modulus: z.number() });
const shape = {
  name: z.string(),
  height: z.number(),
  width: z.number(),
  size: z.number(),
  generator,
};

function readGolden<T>(file: string, schema: z.ZodType<T>): T {
  const url = new URL(`../../../fixtures/golden/${file}`, import.meta.url);
  return schema.parse(JSON.parse(readFileSync(url, 'utf8')));
}

describe('txrv-224@1', () => {
  const golden = readGolden(
    'txrv-224-1.json',
    z.object({
      cases: z.array(
        z.object({
          ...shape,
          BitsStored: z.number(),
          monochrome1: z.boolean(),
          floor: z.number(),
          sampleStep: z.number(),
          samples: z.array(z.number()),
          corners: z.array(z.number()),
          mean: z.number(),
        }),
      ),
    }),
  );

  // scikit-image computes in float32 and its values are rounded to four decimals: 1.1e-4 of +-1024. What need not be
  // exact adds up to 5.9e-3, because these images step from black to white in every other row.
  const ways = [
    { way: 'exactly', exact: true, tolerance: 2e-4 },
    { way: 'by default', exact: false, tolerance: 7e-3 },
  ];
  const cases = ways.flatMap((way) => golden.cases.map((golden) => ({ ...way, golden })));

  it.each(cases)('gives what scikit-image gives, $way: $golden.name', (example) => {
    const { golden, exact, tolerance } = example;
    const { height, width, size, BitsStored } = golden;
    const header = pixelHeader({
      BitsStored,
      HighBit: BitsStored - 1,
      PhotometricInterpretation: golden.monochrome1 ? 'MONOCHROME1' : 'MONOCHROME2',
    });
    const image = generatedImage(height, width, golden.generator, header, golden.floor);
    const tensor = apply('txrv-224@1', image, size, exact);
    expect(tensor).toHaveLength(size * size);
    golden.samples.forEach((expected, index) => {
      expect(Math.abs((tensor[index * golden.sampleStep] ?? NaN) - expected)).toBeLessThan(
        tolerance,
      );
    });
    const last = size * size - 1;
    [0, size - 1, last - size + 1, last].forEach((at, index) => {
      expect(Math.abs((tensor[at] ?? NaN) - (golden.corners[index] ?? NaN))).toBeLessThan(
        tolerance,
      );
    });
    const mean = tensor.reduce((sum, value) => sum + value, 0) / tensor.length;
    expect(mean).toBeCloseTo(golden.mean, 3);
  });
});

describe('txrv-224-voi@1', () => {
  it('equals txrv-224@1 for a window over all stored values', () => {
    const header = pixelHeader({
      PhotometricInterpretation: 'MONOCHROME1',
      windows: [{ center: 2048, width: 4096, function: 'LINEAR' }],
    });
    const image = generatedImage(60, 80, { a: 5, b: 3, c: 1, modulus: 4096 }, header);
    const plain = apply('txrv-224@1', image, 16);
    const voi = apply('txrv-224-voi@1', image, 16);
    plain.forEach((value, index) => {
      expect(Math.abs(value - (voi[index] ?? NaN))).toBeLessThan(1e-3);
    });
  });

  it('applies the window, the rescale and the shape of the pixels', () => {
    const rows = Array.from({ length: 8 }, () => Array.from({ length: 16 }, () => 1050));
    const header = pixelHeader({
      RescaleSlope: 2,
      RescaleIntercept: -100,
      windows: [{ center: 2000, width: 1000, function: 'LINEAR_EXACT' }],
      pixelAspectRatio: 2,
    });
    const tensor = apply('txrv-224-voi@1', decodedImage(rows, header), 8);
    // 2000 is the middle of the window: 0 on the scale of -1024 to 1024, also with zeros outside.
    tensor.forEach((value) => {
      expect(value).toBeCloseTo(0, 3);
    });
  });
});

describe('cxr-square@1', () => {
  const golden = readGolden(
    'cxr-square-1.json',
    z.object({
      tolerance: z.number(),
      cases: z.array(
        z.object({
          ...shape,
          expected: z.union([
            z.object({ values: z.array(z.number()) }),
            z.object({ sampleStep: z.number(), samples: z.array(z.number()), mean: z.number() }),
          ]),
        }),
      ),
    }),
  );

  it.each(golden.cases)('gives what the training gives: $name', (example) => {
    const { height, width, size, expected } = example;
    const tensor = apply('cxr-square@1', generatedImage(height, width, example.generator), size);
    const [step, samples] =
      'values' in expected ? [1, expected.values] : [expected.sampleStep, expected.samples];
    samples.forEach((value, index) => {
      expect(Math.abs((tensor[index * step] ?? NaN) - value)).toBeLessThan(golden.tolerance);
    });
    if ('mean' in expected) {
      const mean = tensor.reduce((sum, value) => sum + value, 0) / tensor.length;
      expect(mean).toBeCloseTo(expected.mean, 5);
    }
  });

  it('gives zeros for a flat image, whatever the filter rounds', () => {
    const rows = Array.from({ length: 19 }, () => Array.from({ length: 23 }, () => 1234));
    const windows = [{ center: 2048, width: 4096, function: 'LINEAR' } as const];
    for (const size of [7, 11, 13, 24]) {
      const tensor = apply('cxr-square@1', decodedImage(rows, pixelHeader({ windows })), size);
      expect(tensor.every((value) => value === 0)).toBe(true);
    }
  });

  it('does not change with a window that clips nothing, nor with MONOCHROME1 written inverted', () => {
    const size = 12;
    const values = { a: 7, b: 13, c: 3, modulus: 2000 };
    const plain = apply('cxr-square@1', generatedImage(40, 50, values), size);
    const windowed = apply(
      'cxr-square@1',
      generatedImage(
        40,
        50,
        values,
        pixelHeader({ windows: [{ center: 1500, width: 9000, function: 'LINEAR' }] }),
      ),
      size,
    );
    const image = generatedImage(
      40,
      50,
      values,
      pixelHeader({ PhotometricInterpretation: 'MONOCHROME1' }),
    );
    const inverted = apply(
      'cxr-square@1',
      { ...image, pixels: Uint16Array.from(image.pixels, (value) => 4095 - value) },
      size,
    );
    plain.forEach((value, index) => {
      expect(windowed[index]).toBeCloseTo(value, 4);
      expect(inverted[index]).toBeCloseTo(value, 4);
    });
  });
});

describe('recipeRange', () => {
  it.each(RECIPE_NAMES)('holds every value of %s', (name) => {
    const [low, high] = recipeRange(name);
    const image = generatedImage(50, 60, { a: 611, b: 257, c: 91, modulus: 4096 });
    const tensor = apply(name, image, 20);
    expect(Math.min(...tensor)).toBeGreaterThanOrEqual(low);
    expect(Math.max(...tensor)).toBeLessThanOrEqual(high);
    expect(Math.max(...tensor) - Math.min(...tensor)).toBeGreaterThan((high - low) / 10);
  });
});

describe('txrv-224@1 of black and white parts', () => {
  it('stays in its range, whatever the filter rounds', () => {
    for (const side of [160, 211, 320, 457]) {
      for (const value of [0, 4095]) {
        const rows = Array.from({ length: side }, (_, y) =>
          Array.from({ length: side }, () => (y < side / 3 ? 4095 - value : value)),
        );
        const tensor = apply('txrv-224@1', decodedImage(rows, pixelHeader({})), 32);
        expect(Math.min(...tensor)).toBeGreaterThanOrEqual(-1024);
        expect(Math.max(...tensor)).toBeLessThanOrEqual(1024);
      }
    }
  });
});

describe('getRecipe', () => {
  it('knows three recipes and refuses others, also names of object members', () => {
    expect(RECIPE_NAMES).toEqual(['cxr-square@1', 'txrv-224@1', 'txrv-224-voi@1']);
    for (const name of ['txrv-224@2', 'constructor', '']) {
      expect(() => getRecipe(name)).toThrow(expect.objectContaining({ code: 'recipe-unknown' }));
    }
  });
});
