import type { PixelHeader } from '../dicom/instance-header.js';
import type { DecodedImage } from './decoded-image.js';
import { modalityOf } from './modality-lut.js';
import { greyTable, isInverted, paddingTest } from './presentation.js';

/** The values of an image after one step of the greyscale chain. */
export interface ChainStep {
  readonly step: 'stored values' | 'Modality LUT' | 'grey level';
  /** What the header asks for at this step. */
  readonly applied: string;
  readonly min: number;
  readonly max: number;
  readonly mean: number;
}

export interface ChainReport {
  readonly steps: readonly ChainStep[];
  /** Share of pixels that are padding, that the chain makes black, and white; 0 to 1. Padding is neither. */
  readonly padding: number;
  readonly black: number;
  readonly white: number;
}

/**
 * What the greyscale chain makes of an image, step by step, over all its pixels except padding. From a
 * histogram of stored values: one pass over the image whatever the number of steps.
 */
export function chainReport(image: DecodedImage): ChainReport {
  const { header } = image;
  const histogram = countValues(image);
  const isPadding = paddingTest(header);
  const counted = [...histogram].filter(([stored]) => !isPadding(stored));
  const table = greyTable(image);
  const grey = (stored: number) => table.values[stored - table.firstStored] ?? NaN;
  const total = image.pixels.length;
  const share = (condition: (stored: number) => boolean) =>
    counted.reduce((sum, [stored, count]) => sum + (condition(stored) ? count : 0), 0) / total;
  return {
    steps: [
      { step: 'stored values', applied: describeStored(header), ...rangeOf(counted, (v) => v) },
      {
        step: 'Modality LUT',
        applied: describeModality(header),
        ...rangeOf(counted, modalityOf(header)),
      },
      { step: 'grey level', applied: describeGrey(header), ...rangeOf(counted, grey) },
    ],
    padding: 1 - share(() => true),
    black: share((stored) => grey(stored) <= 0),
    white: share((stored) => grey(stored) >= 1),
  };
}

function countValues({ pixels, header }: DecodedImage): Map<number, number> {
  const counts = new Uint32Array(65536);
  for (let index = 0; index < pixels.length; index += 1) {
    counts[pixels[index]! & 0xffff]! += 1;
  }
  const histogram = new Map<number, number>();
  counts.forEach((count, bits) => {
    if (count > 0) {
      histogram.set(header.PixelRepresentation === 1 ? (bits << 16) >> 16 : bits, count);
    }
  });
  return histogram;
}

function rangeOf(
  counted: readonly (readonly [number, number])[],
  map: (stored: number) => number,
): { readonly min: number; readonly max: number; readonly mean: number } {
  let min = Infinity;
  let max = -Infinity;
  let sum = 0;
  let total = 0;
  for (const [stored, count] of counted) {
    const value = map(stored);
    min = Math.min(min, value);
    max = Math.max(max, value);
    sum += value * count;
    total += count;
  }
  return total === 0 ? { min: 0, max: 0, mean: 0 } : { min, max, mean: sum / total };
}

function describeStored(header: PixelHeader): string {
  const sign = header.PixelRepresentation === 1 ? 'signed' : 'unsigned';
  const padding =
    header.PixelPaddingValue === undefined ? '' : `, padding ${header.PixelPaddingValue}`;
  return `${header.BitsStored} bits, ${sign}${padding}`;
}

function describeModality({ modalityLut, RescaleSlope, RescaleIntercept }: PixelHeader): string {
  return modalityLut === undefined
    ? `slope ${RescaleSlope}, intercept ${RescaleIntercept}`
    : `table of ${modalityLut.entries.length} entries from ${modalityLut.firstMapped}`;
}

function describeGrey(header: PixelHeader): string {
  const [window] = header.windows;
  const polarity = isInverted(header) ? ', inverted' : '';
  if (header.voiLut !== undefined) {
    return `VOI LUT of ${header.voiLut.entries.length} entries${polarity}`;
  }
  if (window === undefined) {
    const range = header.BitsStored <= 8 ? 'all of its bits' : 'its own lowest and highest value';
    return `no VOI, between ${range}${polarity}`;
  }
  const others = header.windows.length - 1;
  const more = others > 0 ? ` (first of ${others + 1})` : '';
  return `window ${window.center}/${window.width} ${window.function}${more}${polarity}`;
}
