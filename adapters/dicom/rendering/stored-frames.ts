import { PipelineError } from '../../../core/errors.js';
import { fragmentsOfFrame } from '../pixel-data.js';
import type { ObjectSource } from './image-task.js';
import { readObject } from './read-object.js';

/** The frames of an object as they are stored. */
export interface StoredFrames {
  readonly count: number;
  /**
   * One frame, 0 is the first: native samples in little endian, or a codestream without item headers. Throws
   * `pixel-data-corrupt`, `pixel-format-unsupported`.
   */
  readonly frame: (index: number) => Uint8Array;
}

/** @throws as `readObject` */
export async function readStoredFrames(source: ObjectSource): Promise<StoredFrames> {
  const { pixels, pixelData } = await readObject(source);
  const { NumberOfFrames: count } = pixels;
  if (pixelData.kind === 'encapsulated') {
    return { count, frame: (index) => Buffer.concat(fragmentsOfFrame(pixelData, index, count)) };
  }
  const samples = pixels.PhotometricInterpretation === 'YBR_FULL_422' ? 2 : pixels.SamplesPerPixel;
  const bits = pixels.Rows * pixels.Columns * samples * pixels.BitsAllocated;
  if (bits % 8 !== 0 && count > 1) {
    throw new PipelineError('pixel-format-unsupported', 'The frames do not begin at whole bytes.');
  }
  const length = Math.ceil(bits / 8);
  return {
    count,
    frame: (index) => {
      const bytes = pixelData.bytes.subarray(index * length, (index + 1) * length);
      if (bytes.length < length) {
        throw new PipelineError('pixel-data-corrupt', 'The Pixel Data is cut off.');
      }
      const swaps = pixelData.bigEndian && (pixels.BitsAllocated === 16 || pixelData.swappedPairs);
      return swaps && length % 2 === 0 ? Buffer.from(bytes).swap16() : bytes;
    },
  };
}
