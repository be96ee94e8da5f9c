import { shiftWeights } from './axis-weights.js';
import type { AxisWeights } from './axis-weights.js';
import type { Crop } from './centre-crop.js';
import type { ImageRows } from './image-rows.js';
import { resample } from './resample.js';
import type { Resampled } from './resample.js';
import type { Tone } from './tone.js';
import { foldWeights, reducedBias } from './wavelet.js';

export type WeightsOf = (inputs: number, outputs: number) => AxisWeights;

export interface ResizedCrop extends Resampled {
  /** Weights over the full grid of the crop. */
  readonly horizontal: AxisWeights;
  readonly vertical: AxisWeights;
}

interface PlacedWeights {
  readonly full: AxisWeights;
  /** Over the rows or columns that there are: those of the whole image, reduced or not. */
  readonly placed: AxisWeights;
}

/** Archives hold images of few sizes, and weights take as long to make as a small image to resize. */
const remembered = new Map<string, PlacedWeights>();
const REMEMBERED = 16;

/**
 * A crop of the full grid resized to `size` x `size`. Images decoded at a reduced resolution are sampled
 * at the same places of the full grid, as nearly as the resolutions that were left out allow.
 */
export function resizeCrop(
  rows: ImageRows,
  crop: Crop,
  size: number,
  weightsOf: WeightsOf,
  tone: Tone,
): ResizedCrop {
  const { reduction, wavelet, width, height } = rows;
  const place = (inputs: number, origin: number, length: number): PlacedWeights => {
    const key = [weightsOf.name, inputs, size, origin, length, reduction, wavelet].join();
    let weights = remembered.get(key);
    if (weights === undefined) {
      const full = weightsOf(inputs, size);
      const placed = placeWeights(full, origin, length, rows);
      weights = { full, placed };
      if (remembered.size >= REMEMBERED) {
        remembered.clear();
      }
      remembered.set(key, weights);
    }
    return weights;
  };
  const horizontal = place(crop.columns, crop.x0, width);
  const vertical = place(crop.rows, crop.y0, height);
  return {
    ...resample(rows, horizontal.placed, vertical.placed, tone, reducedBias(rows)),
    horizontal: horizontal.full,
    vertical: vertical.full,
  };
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
