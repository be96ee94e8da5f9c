import { triangleWeights } from '../../imaging/axis-weights.js';
import { centreSquareInSpace } from '../../imaging/centre-crop.js';
import type { ImageRows } from '../../imaging/image-rows.js';
import { stretched } from '../../imaging/percentile.js';
import { resizeCrop } from '../../imaging/resize-crop.js';
import { toneOf } from '../../imaging/tone.js';

/** Percentiles of the resampled crop that become -1 and 1. */
const LOW_PERCENTILE = 1;
const HIGH_PERCENTILE = 99;
/** Percentiles nearer than this, relative to the larger, differ by rounding of the filter only. */
const FLAT = 1e-6;

/**
 * `cxr-square@1`, the recipe of the shipped model (scripts/train holds the reference):
 *
 * 1. the greyscale chain of the DICOM standard, black low;
 * 2. the largest centred square;
 * 3. the antialiased triangle filter to size x size;
 * 4. the 1st percentile becomes -1 and the 99th 1, clipped; a flat image becomes all zeros.
 *
 * Step 4 makes the tensor the same for every window that does not clip. Range: -1..1.
 */
export function cxrSquare(
  image: ImageRows,
  size: number,
  into: Float32Array = new Float32Array(size * size),
): Float32Array {
  const crop = centreSquareInSpace(image);
  const tone = toneOf(image.header);
  return resizeCrop(image, crop, size, triangleWeights, { tone }, (plane) =>
    stretched(plane, { low: LOW_PERCENTILE, high: HIGH_PERCENTILE }, FLAT, into),
  );
}
