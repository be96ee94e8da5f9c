/**
 * The thread that decodes an image for the summary page: decoding takes up to seconds, and the process that
 * delivers has others to talk to meanwhile. It ends with its one picture.
 */
import { readFile } from 'node:fs/promises';
import { parentPort, workerData } from 'node:worker_threads';

import { greyTable } from '../../../core/imaging/presentation.js';
import { decodeFrame } from '../decode-frame.js';
import { DEFAULT_IMAGE_LIMITS } from '../prepare-image.js';
import { readDicom } from '../read-dicom.js';
import type { GreyPicture } from './thumbnail.js';

const port = parentPort;
if (port === null) {
  throw new Error('this module is the entry of a worker thread');
}
const { header, pixels, pixelData } = readDicom(
  await readFile((workerData as { path: string }).path),
);
const encoded = { TransferSyntaxUID: header.TransferSyntaxUID, pixels, pixelData };
const image = await decodeFrame(encoded, 0, { maxPixels: DEFAULT_IMAGE_LIMITS.maxPixels });
const { firstStored, values } = greyTable(image);
const grey = new Uint8Array(image.pixels.length);
for (let index = 0; index < grey.length; index += 1) {
  grey[index] = Math.round(255 * (values[image.pixels[index]! - firstStored] ?? 0));
}
port.postMessage({ width: image.width, height: image.height, grey } satisfies GreyPicture);
port.close();
