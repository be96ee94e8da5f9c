import { describe, expect, it } from 'vitest';

import { pixelHeader } from '../../test/support/pixel-header.js';
import { modalityOf } from './modality-lut.js';
import { applyWindow, voiOf } from './voi-lut.js';

describe('applyWindow', () => {
  // Computed from PS3.3 C.11.2.1.2 and C.11.2.1.3 for outputs 0 to 255.
  it.each([
    {
      center: 2048,
      width: 4096,
      x: 1023,
      LINEAR: 63.7033,
      LINEAR_EXACT: 63.6877,
      SIGMOID: 68.5311,
    },
    { center: 2048, width: 4096, x: 2048, LINEAR: 127.5311, LINEAR_EXACT: 127.5, SIGMOID: 127.5 },
    { center: 2048, width: 4096, x: 4095, LINEAR: 255, LINEAR_EXACT: 254.9377, SIGMOID: 224.5771 },
    { center: 2048, width: 1000, x: 1500, LINEAR: 0, LINEAR_EXACT: 0, SIGMOID: 25.6202 },
    { center: 2048, width: 1000, x: 2048, LINEAR: 127.6276, LINEAR_EXACT: 127.5, SIGMOID: 127.5 },
    {
      center: 2048,
      width: 1000,
      x: 2500,
      LINEAR: 243.003,
      LINEAR_EXACT: 242.76,
      SIGMOID: 219.0756,
    },
  ])('maps $x through window $center/$width', ({ center, width, x, ...expected }) => {
    for (const name of ['LINEAR', 'LINEAR_EXACT', 'SIGMOID'] as const) {
      expect(255 * applyWindow(x, { center, width, function: name })).toBeCloseTo(
        expected[name],
        3,
      );
    }
  });

  it('is a step at center - 0.5 for a LINEAR window of width 1', () => {
    const window = { center: 10, width: 1, function: 'LINEAR' } as const;
    expect([9, 9.5, 9.51, 10].map((x) => applyWindow(x, window))).toEqual([0, 0, 1, 1]);
  });
});

describe('voiOf', () => {
  const windows = [
    { center: 50, width: 100, function: 'LINEAR_EXACT' },
    { center: 0, width: 1, function: 'LINEAR_EXACT' },
  ] as const;

  it('takes the first of several windows', () => {
    expect(voiOf(pixelHeader({ windows }))?.(25)).toBeCloseTo(0.25, 6);
  });

  it('prefers the VOI LUT to a window and clamps outside it', () => {
    const voiLut = { firstMapped: -1, bits: 8, entries: Uint16Array.of(0, 51, 255) };
    const voi = voiOf(pixelHeader({ windows, voiLut }));
    expect([-100, -1, 0, 1, 500].map((x) => voi?.(x))).toEqual([0, 0, 0.2, 1, 1]);
  });

  it('scales by the entries when the descriptor says too few bits', () => {
    const voiLut = { firstMapped: 0, bits: 8, entries: Uint16Array.of(0, 4095) };
    expect(voiOf(pixelHeader({ voiLut }))?.(1)).toBe(1);
  });

  it('is undefined without a VOI transformation', () => {
    expect(voiOf(pixelHeader())).toBeUndefined();
  });
});

describe('modalityOf', () => {
  it('rescales', () => {
    const modality = modalityOf(pixelHeader({ RescaleSlope: 0.5, RescaleIntercept: -1000 }));
    expect(modality(24)).toBe(-988);
  });

  it('looks the table up instead of rescaling when both are given', () => {
    const modality = modalityOf(
      pixelHeader({
        RescaleSlope: 7,
        modalityLut: { firstMapped: 10, bits: 16, entries: Uint16Array.of(100, 200, 300) },
      }),
    );
    expect([0, 10, 11, 12, 99].map(modality)).toEqual([100, 100, 200, 300, 300]);
  });
});
