import { describe, expect, it } from 'vitest';

import { decodedImage } from '../../test/support/decoded-image.js';
import { pixelHeader } from '../../test/support/pixel-header.js';
import { greyTable, isInverted } from './presentation.js';

const window = { center: 2048, width: 4096, function: 'LINEAR_EXACT' } as const;

function greyOf(stored: readonly number[], header = pixelHeader()): number[] {
  const table = greyTable(decodedImage([stored], header));
  return stored.map((value) => table.values[value - table.firstStored] ?? NaN);
}

describe('greyTable', () => {
  it('runs modality, window and inversion in this order', () => {
    const header = pixelHeader({
      windows: [window],
      RescaleSlope: 2,
      RescaleIntercept: -100,
      PhotometricInterpretation: 'MONOCHROME1',
    });
    // 1050 * 2 - 100 = 2000; (2000 - 2048) / 4096 + 0.5 = 0.48828; inverted 0.51172.
    expect(greyOf([1050], header)[0]).toBeCloseTo(0.51172, 5);
  });

  it('covers signed stored values', () => {
    const header = pixelHeader({
      PixelRepresentation: 1,
      windows: [{ center: 0, width: 4096, function: 'LINEAR_EXACT' }],
    });
    expect(greyOf([-2048, 0, 2047], header)).toEqual([0, 0.5, expect.closeTo(0.99976, 5)]);
  });

  it('makes padding black, also when it is the brightest value of MONOCHROME1', () => {
    const header = pixelHeader({
      windows: [window],
      PhotometricInterpretation: 'MONOCHROME1',
      PixelPaddingValue: 10,
      PixelPaddingRangeLimit: 0,
    });
    const grey = greyOf([0, 5, 10, 11], header);
    expect(grey.slice(0, 3)).toEqual([0, 0, 0]);
    expect(grey[3]).toBeGreaterThan(0.99);
  });

  it('shows 8-bit images without a window over their full range', () => {
    const header = pixelHeader({ BitsAllocated: 8, BitsStored: 8, HighBit: 7 });
    expect(greyOf([51, 102], header)).toEqual([expect.closeTo(0.2, 6), expect.closeTo(0.4, 6)]);
  });

  it('shows deeper images without a window between their own ends, padding apart', () => {
    const header = pixelHeader({ PixelPaddingValue: 4000 });
    expect(greyOf([100, 200, 300, 4000], header)).toEqual([0, 0.5, 1, 0]);
    const falling = pixelHeader({ RescaleSlope: -1 });
    expect(greyOf([100, 200, 300], falling)).toEqual([1, 0.5, 0]);
  });

  it('gives a flat image one level', () => {
    expect(greyOf([7, 7])).toEqual([0, 0]);
  });
});

describe('isInverted', () => {
  it.each([
    ['MONOCHROME1', undefined, true],
    ['MONOCHROME2', undefined, false],
    ['MONOCHROME1', 'INVERSE', true],
    ['MONOCHROME2', 'IDENTITY', false],
    ['MONOCHROME2', 'INVERSE', true],
    ['MONOCHROME1', 'IDENTITY', false],
  ])('%s with shape %s: %s', (PhotometricInterpretation, PresentationLUTShape, inverted) => {
    expect(isInverted(pixelHeader({ PhotometricInterpretation, PresentationLUTShape }))).toBe(
      inverted,
    );
  });
});
