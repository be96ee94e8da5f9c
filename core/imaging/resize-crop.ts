import { shiftWeights } from './axis-weights.js';
import type { AxisWeights } from './axis-weights.js';
import type { Crop } from './centre-crop.js';
import type { ImageRows } from './image-rows.js';
import { resampleInto } from './resample.js';
import type { ResampledPlane, ResampleOptions } from './resample.js';
import { foldWeights, reducedBias } from './wavelet.js';

export type WeightsOf = (inputs: number, outputs: number) => AxisWeights;

/**
 * Archives hold images of few sizes, and weights take as long to make as a small image to resize. Over the rows or
 * columns that there are: those of the whole image, reduced or not.
 */
const remembered = new Map<string, AxisWeights>();
const REMEMBERED = 16;

/**
 * A crop of the full grid resized to `size` x `size`. Images decoded at a reduced resolution are sampled
 * at the same places of the full grid, as nearly as the resolutions that were left out allow. As `resampleInto`.
 */
export function resizeCrop<T>(
  rows: ImageRows,
  crop: Crop,
  size: number,
  weightsOf: WeightsOf,
  options: Omit<ResampleOptions, 'bias'>,
  use: (plane: ResampledPlane) => T,
): T {
  const { reduction, wavelet, width, height } = rows;
  const place = (inputs: number, origin: number, length: number): AxisWeights => {
    const key = [weightsOf.name, inputs, size, origin, length, reduction, wavelet].join();
    let weights = remembered.get(key);
    if (weights === undefined) {
      weights = placeWeights(weightsOf(inputs, size), origin, length, rows);
      if (remembered.size >= REMEMBERED) {
        remembered.clear();
      }
      remembered.set(key, weights);
    }
    return weights;
  };
  const horizontal = place(crop.columns, crop.x0, width);
  const vertical = place(crop.rows, crop.y0, height);
  return resampleInto(rows, horizontal, vertical, { ...options, bias: reducedBias(rows) }, use);
}

/** Weights for the full grid, beginning at `origin`, brought to the `length` samples that an image has. */
export function placeWeights(
  full: AxisWeights,
  origin: number,
  length: number,
  { wavelet, reduction }: Pick<ImageRows, 'wavelet' | 'reduction'>,
): AxisWeights {
  return wavelet === undefined
    ? shiftWeights(full, origin, length)
    : foldWeights(full, origin, length, { wavelet, reduction });
}
