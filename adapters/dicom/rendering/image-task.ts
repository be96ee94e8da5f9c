import type { VoiWindow } from '../../../core/dicom/instance-header.js';
import type { ErrorCode } from '../../../core/errors.js';

/** A DICOM file, or its bytes. */
export type ObjectSource = { readonly path: string } | { readonly bytes: Uint8Array };

/** What the thread is asked for. Frames count from 0. */
export type ImageTask =
  | {
      readonly kind: 'picture';
      readonly bytes: Uint8Array;
      readonly frame: number;
      /** In place of the image's own VOI transformation. */
      readonly window?: VoiWindow | undefined;
    }
  | { readonly kind: 'samples'; readonly bytes: Uint8Array; readonly frame: number };

/** As it is shown: 0 black, 255 white. Shape: [height, width, channels], row-major. */
export interface ShownPicture {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
  readonly pixels: Uint8Array;
  /** Height of a pixel over its width. */
  readonly pixelAspectRatio: number;
}

export type ImageAnswer =
  | { readonly kind: 'picture'; readonly picture: ShownPicture }
  | { readonly kind: 'samples'; readonly samples: Uint8Array }
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly message: string };
