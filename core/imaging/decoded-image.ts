import type { PixelHeader } from '../dicom/instance-header.js';
import type { Wavelet } from './wavelet.js';

export type StoredValues = Uint8Array | Int8Array | Uint16Array | Int16Array;

/**
 * One frame of stored values: overlay bits masked away, sign extended, still before the Modality LUT.
 * Shape: [height, width], row-major, one sample. Colour has been turned into luminance (`fromColour`).
 *
 * `width` and `height` are those of the pixels, smaller than `header.Columns` and `header.Rows` when the
 * decoder was asked for a reduced resolution. `reduction` is the number of halvings, done by `wavelet`.
 */
export interface DecodedImage {
  readonly width: number;
  readonly height: number;
  readonly pixels: StoredValues;
  readonly header: PixelHeader;
  readonly fromColour: boolean;
  readonly reduction: number;
  readonly wavelet?: Wavelet | undefined;
  /** Lends the memory of `pixels` to the next image; who does not call it loses nothing. */
  readonly release?: (() => void) | undefined;
}
