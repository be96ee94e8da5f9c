import type { PixelHeader } from '../dicom/instance-header.js';

export type StoredValues = Uint8Array | Int8Array | Uint16Array | Int16Array;

/**
 * One frame of stored values: overlay bits masked away, sign extended, still before the Modality LUT.
 * Shape: [height, width], row-major, one sample. Colour has been turned into luminance (`fromColour`).
 *
 * `width` and `height` are those of the pixels, smaller than `header.Columns` and `header.Rows` when the
 * decoder was asked for a reduced resolution. `reduction` is the number of halvings, and `phase` where
 * pixel 0 of the reduced grid sits, in pixels of the full grid (0 when nothing was reduced).
 */
export interface DecodedImage {
  readonly width: number;
  readonly height: number;
  readonly pixels: StoredValues;
  readonly header: PixelHeader;
  readonly fromColour: boolean;
  readonly reduction: number;
  readonly phase: number;
}
