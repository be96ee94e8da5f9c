import type { PixelHeader } from '../dicom/instance-header.js';
import type { DecodedImage } from './decoded-image.js';
import { modalityOf } from './modality-lut.js';
import { voiOf } from './voi-lut.js';

/**
 * Grey level of every stored value: `values[stored - firstStored]`, 0 black to 1 white. A table because
 * stored values have at most 16 bits: no step of the chain is ever run over a whole image.
 */
export interface GreyTable {
  readonly firstStored: number;
  readonly values: Float32Array;
}

/** Lowest and highest of some stored values. */
export interface StoredRange {
  readonly min: number;
  readonly max: number;
}

/** Smallest and largest value that BitsStored can hold. */
export function storedRange(header: PixelHeader): StoredRange {
  return header.PixelRepresentation === 1
    ? { min: -(2 ** (header.BitsStored - 1)), max: 2 ** (header.BitsStored - 1) - 1 }
    : { min: 0, max: 2 ** header.BitsStored - 1 };
}

/** Whether a low stored value is shown white. Source: PS3.3 C.7.6.3.1.2, C.11.6. */
export function isInverted(header: PixelHeader): boolean {
  return header.PresentationLUTShape === undefined
    ? header.PhotometricInterpretation === 'MONOCHROME1'
    : header.PresentationLUTShape === 'INVERSE';
}

/**
 * The whole greyscale chain of an image: Modality LUT, VOI LUT, Presentation LUT Shape or MONOCHROME1;
 * padding becomes black. Source: PS3.3 C.11, C.7.5.1.1.2 (padding takes no part in the display).
 *
 * Without a VOI transformation the standard leaves the display open: images of up to 8 bits are shown
 * over their full range, deeper ones between their own lowest and highest values, because detectors use
 * a small part of 12 or 16 bits.
 */
export function greyTable(image: DecodedImage): GreyTable {
  return greyTableOf(image.header, () => usedRange(image));
}

/** The same, where `used` finds the image's lowest and highest value if they are needed. */
export function greyTableOf(header: PixelHeader, used: () => StoredRange): GreyTable {
  const { min, max } = storedRange(header);
  const modality = modalityOf(header);
  const grey = voiOf(header) ?? fullRange(header, used, modality);
  const inverted = isInverted(header);
  const isPadding = paddingTest(header);
  const values = new Float32Array(max - min + 1);
  for (let stored = min; stored <= max; stored += 1) {
    if (!isPadding(stored)) {
      const level = grey(modality(stored));
      values[stored - min] = inverted ? 1 - level : level;
    }
  }
  return { firstStored: min, values };
}

/** Pixel Padding Value, or the range between it and Pixel Padding Range Limit, in either order. */
export function paddingTest(header: PixelHeader): (stored: number) => boolean {
  const { PixelPaddingValue: value } = header;
  if (value === undefined) {
    return () => false;
  }
  const limit = header.PixelPaddingRangeLimit ?? value;
  const low = Math.min(value, limit);
  const high = Math.max(value, limit);
  return (stored) => stored >= low && stored <= high;
}

function fullRange(
  header: PixelHeader,
  used: () => StoredRange,
  modality: (stored: number) => number,
): (value: number) => number {
  const { min, max } = header.BitsStored <= 8 ? storedRange(header) : used();
  const ends = [modality(min), modality(max)];
  const low = Math.min(...ends);
  const width = Math.max(...ends) - low;
  return width === 0 ? () => 0 : (value) => Math.min(1, Math.max(0, (value - low) / width));
}

function usedRange({ header, pixels }: DecodedImage): StoredRange {
  const used = new Uint8Array(65536);
  for (let index = 0; index < pixels.length; index += 1) {
    used[pixels[index]! & 0xffff] = 1;
  }
  return rangeOfUsed(used, header);
}

/**
 * Lowest and highest value that is no padding, from a mark (1) at the low 16 bits of every one that occurs;
 * all that can be stored where there is none.
 */
export function rangeOfUsed(used: Uint8Array, header: PixelHeader): StoredRange {
  const isPadding = paddingTest(header);
  const range = storedRange(header);
  let min = range.max;
  let max = range.min;
  for (let stored = range.min; stored <= range.max; stored += 1) {
    if (used[stored & 0xffff] === 1 && !isPadding(stored)) {
      min = Math.min(min, stored);
      max = Math.max(max, stored);
    }
  }
  return min <= max ? { min, max } : range;
}
