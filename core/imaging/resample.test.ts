import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { pixelHeader } from '../../test/support/pixel-header.js';
import { referenceResample } from '../../test/support/reference-resample.js';
import type { PixelHeader } from '../dicom/instance-header.js';
import { skimageWeights, triangleWeights } from './axis-weights.js';
import type { AxisWeights } from './axis-weights.js';
import type { DecodedImage, StoredValues } from './decoded-image.js';
import { rowsOf, sampleFormat } from './image-rows.js';
import type { ImageRows } from './image-rows.js';
import { greyTable, storedRange } from './presentation.js';
import { resample } from './resample.js';
import { AS_STORED, toneOf } from './tone.js';

const parameters = { seed: 20240501, numRuns: 300 };

/** Formats as files have them: bits anywhere in the sample, signed or not, and every way to grey. */
const formats = fc
  .record({
    Rows: fc.integer({ min: 1, max: 40 }),
    Columns: fc.integer({ min: 1, max: 70 }),
    wide: fc.boolean(),
    stored: fc.integer({ min: 1, max: 16 }),
    gap: fc.integer({ min: 0, max: 4 }),
    PixelRepresentation: fc.constantFrom(0 as const, 1 as const),
    PhotometricInterpretation: fc.constantFrom('MONOCHROME1', 'MONOCHROME2'),
    RescaleSlope: fc.constantFrom(1, -1, 0.37, 2),
    RescaleIntercept: fc.constantFrom(0, -1024, 3.5),
    window: fc.option(
      fc.record({
        center: fc.double({ min: -0.2, max: 1.2, noNaN: true }),
        width: fc.double({ min: 0.01, max: 2, noNaN: true }),
        function: fc.constantFrom('LINEAR' as const, 'LINEAR_EXACT' as const, 'SIGMOID' as const),
      }),
    ),
    padding: fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { freq: 3 }),
    seed: fc.integer(),
    size: fc.integer({ min: 1, max: 24 }),
    weightsOf: fc.constantFrom(triangleWeights, skimageWeights),
  })
  .map(({ wide, stored, gap, window, padding, seed, size, weightsOf, ...rest }) => {
    const BitsAllocated = wide ? 16 : 8;
    const BitsStored = Math.min(stored, BitsAllocated);
    const HighBit = Math.min(BitsAllocated - 1, BitsStored - 1 + gap);
    const plain = pixelHeader({ ...rest, BitsAllocated, BitsStored, HighBit });
    const { min, max } = storedRange(plain);
    const ends = [min, max].map((v) => v * rest.RescaleSlope + rest.RescaleIntercept);
    const low = Math.min(...ends);
    const reach = Math.max(...ends) - low;
    const windows =
      window === null
        ? []
        : [
            {
              center: low + window.center * reach,
              width: Math.max(1.5, window.width * reach),
              function: window.function,
            },
          ];
    const PixelPaddingValue =
      padding === null ? undefined : Math.round(min + padding * (max - min));
    return { header: { ...plain, windows, PixelPaddingValue }, seed, size, weightsOf };
  });

/** Samples with noise in the bits that are not stored, and what they store. */
function samplesOf(header: PixelHeader, seed: number) {
  const { Rows, Columns, BitsStored, HighBit } = header;
  const count = Rows * Columns;
  const raw = header.BitsAllocated === 8 ? new Uint8Array(count) : new Uint16Array(count);
  const stored = new Int32Array(count);
  let state = seed >>> 0;
  for (let index = 0; index < count; index += 1) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    raw[index] = state >>> 13;
    const bits = ((raw[index] ?? 0) >> (HighBit + 1 - BitsStored)) & (2 ** BitsStored - 1);
    stored[index] =
      header.PixelRepresentation === 1 ? (bits << (32 - BitsStored)) >> (32 - BitsStored) : bits;
  }
  const { min } = storedRange(header);
  const values: StoredValues = min < 0 ? Int16Array.from(stored) : Uint16Array.from(stored);
  return { raw, values };
}

function rawRows(header: PixelHeader, raw: Uint8Array | Uint16Array, exact = true): ImageRows {
  const image = { width: header.Columns, height: header.Rows, header };
  const whole = rowsOf({ ...image, pixels: raw, fromColour: false, reduction: 0 });
  return { ...whole, format: sampleFormat(header), exact };
}

function largestDifference(a: Float64Array, b: Float64Array): number {
  return a.reduce((most, value, index) => Math.max(most, Math.abs(value - (b[index] ?? NaN))), 0);
}

/** What 16 bits and sums of 32 bits allow, for values half of `reach` away from 0. */
function unitOfWeights({ weights }: AxisWeights, reach: number): number {
  const largest = weights.reduce((most, row) => Math.max(most, ...row), 0);
  return Math.max(largest / 2 ** 15, reach / 2 ** 32) * 1.01;
}

describe('resample', () => {
  it('gives the sums of stored values that float64 gives, in every format', () => {
    fc.assert(
      fc.property(formats, ({ header, seed, size, weightsOf }) => {
        const { raw, values } = samplesOf(header, seed);
        const horizontal = weightsOf(header.Columns, size);
        const vertical = weightsOf(header.Rows, size);
        const source = { pixels: values, width: header.Columns, x0: 0, y0: 0 };
        const expected = referenceResample(source, horizontal, vertical);
        const result = resample(rawRows(header, raw), horizontal, vertical, { tone: AS_STORED });
        const { min, max } = storedRange(header);
        expect(largestDifference(result.values, expected)).toBeLessThanOrEqual(
          (max - min) * 2 ** -24,
        );
        expect(result.range).toEqual({ min: Math.min(...values), max: Math.max(...values) });
      }),
      parameters,
    );
  });

  it('gives the grey levels that the table of the chain gives, in every format', () => {
    fc.assert(
      fc.property(formats, ({ header, seed, size, weightsOf }) => {
        const { raw, values } = samplesOf(header, seed);
        const { Rows: height, Columns: width } = header;
        const horizontal = weightsOf(width, size);
        const vertical = weightsOf(height, size);
        const image: DecodedImage = {
          ...{ width, height, pixels: values, header },
          ...{ fromColour: false, reduction: 0 },
        };
        const source = { pixels: values, width, x0: 0, y0: 0 };
        const expected = referenceResample(source, horizontal, vertical, greyTable(image));
        const result = resample(rawRows(header, raw), horizontal, vertical, {
          tone: toneOf(header),
        });
        // Half a step of 16 bits where grey is quantised; the table itself is float32.
        expect(largestDifference(result.values, expected)).toBeLessThanOrEqual(2 ** -16);
      }),
      parameters,
    );
  });

  it('is off by less than a unit of its weights for each step from row to row, where it need not be exact', () => {
    let phased = 0;
    const long = formats.filter(({ header }) => header.Rows >= 10 && header.Columns >= 10);
    fc.assert(
      fc.property(long, fc.integer({ min: 1, max: 6 }), ({ header, seed, weightsOf }, size) => {
        const { raw, values } = samplesOf(header, seed);
        const { Rows, Columns } = header;
        const horizontal = weightsOf(Columns, size);
        const vertical = weightsOf(Rows, size);
        const exact = resample(rawRows(header, raw), horizontal, vertical, { tone: AS_STORED });
        const result = resample(rawRows(header, raw, false), horizontal, vertical, {
          tone: AS_STORED,
        });
        const off = largestDifference(result.values, exact.values);
        const { min, max } = storedRange(header);
        const reach = Math.max(1, max - min);
        // In the middle of the range by turns, so that the ends of a filter are steps too.
        let steps = 0;
        for (let column = 0; column < Columns; column += 1) {
          let sum = reach / 2;
          for (let row = 1; row < Rows; row += 1) {
            sum += Math.abs(
              values[row * Columns + column]! - values[(row - 1) * Columns + column]!,
            );
          }
          steps = Math.max(steps, sum);
        }
        const unit = unitOfWeights(vertical, reach);
        expect(off).toBeLessThanOrEqual(0.9 * unit * steps + reach * 2 ** -22);
        expect(result.range).toEqual(exact.range);
        phased += off > 0 ? 1 : 0;
      }),
      parameters,
    );
    expect(phased).toBeGreaterThan(parameters.numRuns / 4);
  });

  it.each([8, 12, 16])(
    'is off by an eighth of that at a step from black to white of %i bits',
    (bits) => {
      const size = 12;
      fc.assert(
        fc.property(
          fc.integer({ min: 5 * size, max: 14 * size }),
          fc.double({ min: 0, max: 1, noNaN: true }),
          fc.constantFrom(triangleWeights, skimageWeights),
          (side, share, weightsOf) => {
            const wide = bits > 8;
            const header = pixelHeader({
              ...{ Rows: side, Columns: side, PixelRepresentation: 0 },
              ...{ BitsAllocated: wide ? 16 : 8, BitsStored: bits, HighBit: bits - 1 },
            });
            const white = 2 ** bits - 1;
            const raw = wide ? new Uint16Array(side * side) : new Uint8Array(side * side);
            raw.fill(white, Math.round(share * side) * side);
            const weights = weightsOf(side, size);
            const exact = resample(rawRows(header, raw), weights, weights, { tone: AS_STORED });
            const result = resample(rawRows(header, raw, false), weights, weights, {
              tone: AS_STORED,
            });
            const off = largestDifference(result.values, exact.values);
            // An eighth, and what is left of the phases and of float32.
            expect(off).toBeLessThanOrEqual(0.14 * white * unitOfWeights(weights, white));
          },
        ),
        parameters,
      );
    },
  );
});
