import type { LookupTable, PixelHeader, VoiWindow } from '../dicom/instance-header.js';
import { assertNever } from '../errors.js';
import { lookUp } from './modality-lut.js';

/** Output of the Modality LUT to a grey level: 0 is the VOI's lowest output, 1 its highest. */
export type VoiTransform = (value: number) => number;

/**
 * The VOI transformation of an image: its VOI LUT, else its first window, else none. Where both are
 * given either may be shown (PS3.3 C.11.2.1.2); the table is the vendor's own curve.
 */
export function voiOf(header: PixelHeader): VoiTransform | undefined {
  const { voiLut } = header;
  if (voiLut !== undefined) {
    const highest = highestOutput(voiLut);
    return (value) => lookUp(voiLut, value) / highest;
  }
  const [window] = header.windows;
  return window && ((value) => applyWindow(value, window));
}

/**
 * A window, with outputs 0 to 1. Source: PS3.3 C.11.2.1.2.1 (LINEAR), C.11.2.1.3.1 (SIGMOID),
 * C.11.2.1.3.2 (LINEAR_EXACT).
 */
export function applyWindow(value: number, window: VoiWindow): number {
  const { center, width } = window;
  switch (window.function) {
    case 'LINEAR':
      if (value <= center - 0.5 - (width - 1) / 2) {
        return 0;
      }
      return value > center - 0.5 + (width - 1) / 2
        ? 1
        : (value - (center - 0.5)) / (width - 1) + 0.5;
    case 'LINEAR_EXACT':
      if (value <= center - width / 2) {
        return 0;
      }
      return value > center + width / 2 ? 1 : (value - center) / width + 0.5;
    case 'SIGMOID':
      return 1 / (1 + Math.exp((-4 * (value - center)) / width));
    default:
      return assertNever(window.function);
  }
}

/** 2^bits - 1; for tables whose descriptor says fewer bits than the entries have, that of the entries. */
function highestOutput({ bits, entries }: LookupTable): number {
  let highest = 2 ** bits - 1;
  for (const entry of entries) {
    while (entry > highest) {
      highest = 2 * highest + 1;
    }
  }
  return highest;
}
