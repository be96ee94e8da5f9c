import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

import { PipelineError } from '../../../core/errors.js';
import { builtEntry } from '../../process/package-info.js';

/** As it is shown: 0 black, 255 white. Shape: [height, width], row-major. */
export interface GreyPicture {
  readonly width: number;
  readonly height: number;
  readonly grey: Uint8Array;
}

const TIME_LIMIT_MS = 60_000;

/**
 * A stored image through the whole greyscale chain, decoded in a thread of its own.
 * @throws PipelineError `pixel-data-corrupt` when it cannot be decoded in time
 */
export async function readGreyPicture(path: string): Promise<GreyPicture> {
  const worker = new Worker(builtEntry('adapters/dicom/results/thumbnail-thread'), {
    workerData: { path },
  });
  try {
    const signal = AbortSignal.timeout(TIME_LIMIT_MS);
    const [picture] = (await once(worker, 'message', { signal })) as [GreyPicture];
    return picture;
  } catch (cause) {
    throw new PipelineError('pixel-data-corrupt', 'The image cannot be decoded for its summary.', {
      cause,
    });
  } finally {
    await worker.terminate();
  }
}
