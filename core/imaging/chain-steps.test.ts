import { describe, expect, it } from 'vitest';

import { decodedImage } from '../../test/support/decoded-image.js';
import { pixelHeader } from '../../test/support/pixel-header.js';
import { chainReport } from './chain-steps.js';

describe('chainReport', () => {
  it('gives range and mean of every step, padding apart', () => {
    const image = decodedImage(
      [
        [100, 200],
        [300, 4000],
      ],
      pixelHeader({
        RescaleSlope: 2,
        RescaleIntercept: -200,
        windows: [
          { center: 200, width: 400, function: 'LINEAR_EXACT' },
          { center: 1, width: 1, function: 'LINEAR_EXACT' },
        ],
        PhotometricInterpretation: 'MONOCHROME1',
        PixelPaddingValue: 4000,
      }),
    );
    const { steps, padding, black, white } = chainReport(image);
    expect(steps).toEqual([
      {
        step: 'stored values',
        applied: '12 bits, unsigned, padding 4000',
        min: 100,
        max: 300,
        mean: 200,
      },
      { step: 'Modality LUT', applied: 'slope 2, intercept -200', min: 0, max: 400, mean: 200 },
      {
        step: 'grey level',
        applied: 'window 200/400 LINEAR_EXACT (first of 2), inverted',
        min: 0,
        max: 1,
        mean: 0.5,
      },
    ]);
    expect([padding, black, white]).toEqual([0.25, 0.25, 0.25]);
  });

  it('keeps the sign of stored values', () => {
    const header = pixelHeader({ PixelRepresentation: 1 });
    expect(chainReport(decodedImage([[-5, 5]], header)).steps[0]).toMatchObject({
      min: -5,
      max: 5,
    });
  });

  it('describes tables and the lack of a window', () => {
    const lut = { firstMapped: -2, bits: 8, entries: Uint16Array.of(0, 255) };
    const applied = (overrides: object) =>
      chainReport(decodedImage([[1, 2]], pixelHeader(overrides))).steps.map((step) => step.applied);
    expect(applied({ modalityLut: lut })[1]).toBe('table of 2 entries from -2');
    expect(applied({ voiLut: lut })[2]).toBe('VOI LUT of 2 entries');
    expect(applied({})[2]).toBe('no VOI, between its own lowest and highest value');
  });

  it('reports nothing but padding without a range', () => {
    const header = pixelHeader({ PixelPaddingValue: 7 });
    const { steps, padding } = chainReport(decodedImage([[7, 7]], header));
    expect(padding).toBe(1);
    expect(steps[0]).toMatchObject({ min: 0, max: 0, mean: 0 });
  });
});
