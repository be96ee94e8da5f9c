import { triangleWeights } from './axis-weights.js';
import type { Crop } from './centre-crop.js';
import type { ImageRows } from './image-rows.js';
import { resample } from './resample.js';
import { placeWeights } from './resize-crop.js';
import { toneOf } from './tone.js';
import { reducedBias } from './wavelet.js';

/** A picture of a whole image for people, and where on it the network looked. */
export interface Picture {
  /** Shape: [height, width], row-major. 0 black to 255 white, after the DICOM greyscale chain. */
  readonly grey: Uint8Array;
  readonly width: number;
  readonly height: number;
  /** The part that the network saw, in pixels of the picture; not whole numbers. */
  readonly crop: Crop;
}

/**
 * The whole image as it is to be displayed, its longer side at most `maxSide` pixels, pixels made square.
 *
 * @param crop the part of the full grid that the recipe takes
 */
export function renderPicture(image: ImageRows, crop: Crop, maxSide: number): Picture {
  const { Rows, Columns, pixelAspectRatio } = image.header;
  // Height of a pixel over its width: rows are as far apart as that.
  const spaceRows = Rows * pixelAspectRatio;
  const scale = Math.min(1, maxSide / Math.max(spaceRows, Columns));
  const width = Math.max(1, Math.round(Columns * scale));
  const height = Math.max(1, Math.round(spaceRows * scale));
  const { values } = resample(
    image,
    placeWeights(triangleWeights(Columns, width), 0, image.width, image),
    placeWeights(triangleWeights(Rows, height), 0, image.height, image),
    { tone: toneOf(image.header), bias: reducedBias(image) },
  );
  return {
    grey: Uint8Array.from(values, (value) => Math.round(255 * Math.min(1, Math.max(0, value)))),
    width,
    height,
    crop: {
      x0: (crop.x0 / Columns) * width,
      y0: (crop.y0 / Rows) * height,
      columns: (crop.columns / Columns) * width,
      rows: (crop.rows / Rows) * height,
    },
  };
}

/** A picture of an image that turned out to be stored white for black. */
export function invertedPicture(picture: Picture): Picture {
  return { ...picture, grey: picture.grey.map((value) => 255 - value) };
}
