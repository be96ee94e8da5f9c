import { skimageWeights } from '../../imaging/axis-weights.js';
import { centreSquare, centreSquareInSpace } from '../../imaging/centre-crop.js';
import type { ImageRows } from '../../imaging/image-rows.js';
import type { ResampledPlane } from '../../imaging/resample.js';
import { resizeCrop } from '../../imaging/resize-crop.js';
import { AS_STORED, toneOf } from '../../imaging/tone.js';

/** TorchXRayVision's inputs lie in -1024..1024. */
const FULL_SCALE = 1024;

/**
 * `txrv-224@1`: what TorchXRayVision 1.x does to a DICOM file by default, number for number.
 * `read_xray_dcm` with `fix_monochrome`, `normalize`, `XRayCenterCrop`, `XRayResizer` (engine skimage):
 *
 * 1. stored values, no rescale, no window, no padding; MONOCHROME1 becomes max - v, max = 2^BitsStored - 1;
 * 2. (2 v / max - 1) * 1024;
 * 3. the largest centred square, in pixels (spacing is ignored);
 * 4. scikit-image's resize of order 1 with anti-aliasing, zeros outside, clipped to the crop's own range.
 *
 * Steps 1 and 2 are affine and run on the resampled values. Range: -1024..1024.
 */
export function txrv224(
  image: ImageRows,
  size: number,
  into: Float32Array = new Float32Array(size * size),
): Float32Array {
  const { header } = image;
  const max = 2 ** header.BitsStored - 1;
  const inverted = header.PhotometricInterpretation === 'MONOCHROME1';
  const gain = ((inverted ? -2 : 2) * FULL_SCALE) / max;
  const offset = inverted ? FULL_SCALE : -FULL_SCALE;
  const crop = centreSquare(image);
  const scale = { gain, offset };
  return resizeCrop(image, crop, size, skimageWeights, { tone: AS_STORED, scale }, (plane) => {
    // Zeros outside can pull a value out of the crop's range only where the range does not hold 0; rounding just so.
    const { range } = plane;
    const zero = -offset / gain;
    const holdsZero = zero >= range.min && zero <= range.max;
    const ends = holdsZero
      ? [-FULL_SCALE, FULL_SCALE]
      : [range.min * gain + offset, range.max * gain + offset];
    return clipped(plane, Math.min(...ends), Math.max(...ends), into);
  });
}

/**
 * `txrv-224-voi@1`: the same resampling and scale, after the greyscale chain of the DICOM standard: Modality
 * LUT, VOI LUT, MONOCHROME1 or Presentation LUT Shape, padding, pixels that are not square. Range: -1024..1024.
 */
export function txrv224Voi(
  image: ImageRows,
  size: number,
  into: Float32Array = new Float32Array(size * size),
): Float32Array {
  const crop = centreSquareInSpace(image);
  const scale = { gain: 2 * FULL_SCALE, offset: -FULL_SCALE };
  const tone = toneOf(image.header);
  return resizeCrop(image, crop, size, skimageWeights, { tone, scale }, (plane) =>
    clipped(plane, -FULL_SCALE, FULL_SCALE, into),
  );
}

function clipped(
  { kernel, at, length }: ResampledPlane,
  low: number,
  high: number,
  into: Float32Array,
): Float32Array {
  const result = kernel.allocate(4 * length);
  kernel.exports.plane_clip(at, length, low, high, result);
  into.set(kernel.float32(result, length));
  return into;
}
