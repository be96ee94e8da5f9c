import { foldWeights } from './axis-weights.js';
import type { AxisWeights } from './axis-weights.js';
import type { Crop } from './centre-crop.js';
import type { DecodedImage } from './decoded-image.js';
import type { GreyTable } from './presentation.js';
import { resample } from './resample.js';

export type WeightsOf = (inputs: number, outputs: number) => AxisWeights;

export interface ResizedCrop {
  /** Shape: [size, size], row-major; stored values, or the table's grey levels. */
  readonly values: Float64Array;
  readonly horizontal: AxisWeights;
  readonly vertical: AxisWeights;
}

/**
 * A crop of the full grid resized to `size` x `size`. Images decoded at a reduced resolution are sampled
 * at the same places of the full grid, the phase of the reduced grid included.
 */
export function resizeCrop(
  image: DecodedImage,
  crop: Crop,
  size: number,
  weightsOf: WeightsOf,
  table?: GreyTable,
): ResizedCrop {
  const horizontal = weightsOf(crop.columns, size);
  const vertical = weightsOf(crop.rows, size);
  const { pixels, width, height, phase } = image;
  if (image.reduction === 0) {
    const source = { pixels, width, x0: crop.x0, y0: crop.y0 };
    return { values: resample(source, horizontal, vertical, table), horizontal, vertical };
  }
  const step = 2 ** image.reduction;
  const values = resample(
    { pixels, width, x0: 0, y0: 0 },
    foldWeights(horizontal, crop.x0, { inputs: width, step, phase }),
    foldWeights(vertical, crop.y0, { inputs: height, step, phase }),
    table,
  );
  return { values, horizontal, vertical };
}
