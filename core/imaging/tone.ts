import type { PixelHeader, VoiWindow } from '../dicom/instance-header.js';
import type { StoredRange } from './presentation.js';
import { isInverted, storedRange } from './presentation.js';

/**
 * The greyscale chain as a resampler can apply it. Linear steps commute with resampling and are left to the
 * small image; ends that clip have to come first, and so has anything that bends.
 */
export type Tone =
  /** grey = gain * stored + offset for every value that can be stored. */
  | { readonly kind: 'linear'; readonly gain: number; readonly offset: number }
  /** The same for stored values held between `low` and `high`, which need not be whole numbers. */
  | {
      readonly kind: 'clamped';
      readonly gain: number;
      readonly offset: number;
      readonly low: number;
      readonly high: number;
    }
  /** Linear between the lowest and the highest stored value of the image; `flat` where they are the same. */
  | { readonly kind: 'own-range'; readonly falling: boolean; readonly flat: number }
  /** By the table of `greyTable`; `ownRange` when that needs the image's lowest and highest value. */
  | { readonly kind: 'table'; readonly ownRange: boolean };

/** Stored values as they are. */
export const AS_STORED: Tone = { kind: 'linear', gain: 1, offset: 0 };

/** The tone of an image whose grey levels `greyTable` describes. */
export function toneOf(header: PixelHeader): Tone {
  const [window] = header.windows;
  const unbounded = header.voiLut === undefined && window === undefined;
  const ownRange = unbounded && header.BitsStored > 8;
  if (
    header.modalityLut !== undefined ||
    header.voiLut !== undefined ||
    header.PixelPaddingValue !== undefined
  ) {
    return { kind: 'table', ownRange };
  }
  if (header.RescaleSlope === 0 || !Number.isFinite(header.RescaleSlope)) {
    return { kind: 'table', ownRange };
  }
  const falling = isInverted(header) !== header.RescaleSlope < 0;
  if (ownRange) {
    return { kind: 'own-range', falling, flat: isInverted(header) ? 1 : 0 };
  }
  const range = storedRange(header);
  return window === undefined
    ? ramp(range.min, range.max, falling)
    : throughWindow(header, window, range, falling);
}

/** Grey levels that rise, or fall, from one stored value to another. */
export function ramp(low: number, high: number, falling: boolean): Tone & { kind: 'linear' } {
  const gain = 1 / (high - low);
  return falling
    ? { kind: 'linear', gain: -gain, offset: high * gain }
    : { kind: 'linear', gain, offset: -low * gain };
}

function throughWindow(
  header: PixelHeader,
  { center, width, function: shape }: VoiWindow,
  range: StoredRange,
  falling: boolean,
): Tone {
  // Source: PS3.3 C.11.2.1.2.1 and C.11.2.1.3.2, solved for the values at which grey is 0 and 1.
  const reach = shape === 'LINEAR' ? width - 1 : width;
  const middle = shape === 'LINEAR' ? center - 0.5 : center;
  const { RescaleSlope, RescaleIntercept } = header;
  const black = (middle - reach / 2 - RescaleIntercept) / RescaleSlope;
  const white = (middle + reach / 2 - RescaleIntercept) / RescaleSlope;
  const low = Math.min(black, white);
  const high = Math.max(black, white);
  const bends = shape === 'SIGMOID' || !(high - low > 0 && Number.isFinite(high - low));
  if (bends || !(low < range.max && high > range.min)) {
    return { kind: 'table', ownRange: false };
  }
  const { gain, offset } = ramp(low, high, falling);
  return low <= range.min && high >= range.max
    ? { kind: 'linear', gain, offset }
    : { kind: 'clamped', gain, offset, low, high };
}
