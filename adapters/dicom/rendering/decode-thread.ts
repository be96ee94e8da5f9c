/**
 * The thread that decodes images for people and for viewers: decoding takes up to seconds, and the process
 * that is asked has others to talk to meanwhile. One task after the other.
 */
import { readlinkSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { basename } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';

import type { VoiWindow } from '../../../core/dicom/instance-header.js';
import { PipelineError, toPipelineError } from '../../../core/errors.js';
import type { DecodedImage } from '../../../core/imaging/decoded-image.js';
import { greyTable } from '../../../core/imaging/presentation.js';
import { decodeFrame } from '../decode-frame.js';
import { DEFAULT_IMAGE_LIMITS } from '../prepare-image.js';
import { readDicom, type DicomObject } from '../read-dicom.js';
import type { ImageAnswer, ImageTask, ShownPicture } from './image-task.js';

const port = parentPort;
if (port === null) {
  throw new Error('this module is the entry of a worker thread');
}
if ((workerData as { readonly background: boolean }).background) {
  stepBack();
}
port.on('message', (task: ImageTask) => {
  void perform(task)
    .catch((thrown: unknown): ImageAnswer => {
      const { code, message } = toPipelineError(thrown, 'pixel-data-corrupt');
      return { kind: 'failed', code, message };
    })
    .then((answer) => {
      port.postMessage(answer, transferable(answer));
    });
});

async function perform(task: ImageTask): Promise<ImageAnswer> {
  const object = readDicom(task.bytes);
  const { NumberOfFrames } = object.pixels;
  if (task.frame >= NumberOfFrames) {
    throw new PipelineError('not-found', `The object has ${NumberOfFrames} frames.`);
  }
  return task.kind === 'picture'
    ? { kind: 'picture', picture: await pictureOf(object, task.frame, task.window) }
    : { kind: 'samples', samples: await samplesOf(object, task.frame) };
}

function decode({ header, pixels, pixelData }: DicomObject, frame: number): Promise<DecodedImage> {
  const encoded = { TransferSyntaxUID: header.TransferSyntaxUID, pixels, pixelData };
  return decodeFrame(encoded, frame, { maxPixels: DEFAULT_IMAGE_LIMITS.maxPixels });
}

async function pictureOf(
  object: DicomObject,
  frame: number,
  window: VoiWindow | undefined,
): Promise<ShownPicture> {
  const { pixelAspectRatio } = object.pixels;
  const colour = colourOf(object, frame);
  if (colour !== undefined) {
    return { ...colour, pixelAspectRatio };
  }
  const decoded = await decode(object, frame);
  const image =
    window === undefined
      ? decoded
      : { ...decoded, header: { ...decoded.header, voiLut: undefined, windows: [window] } };
  const { firstStored, values } = greyTable(image);
  const bytes = Uint8Array.from(values, (value) => Math.round(255 * value));
  const pixels = new Uint8Array(image.pixels.length);
  for (let index = 0; index < pixels.length; index += 1) {
    pixels[index] = bytes[image.pixels[index]! - firstStored] ?? 0;
  }
  return { width: image.width, height: image.height, channels: 1, pixels, pixelAspectRatio };
}

/** Plain RGB, as summary pages are, keeps its colours; all other colour is shown by its luminance. */
function colourOf(
  { pixels: header, pixelData }: DicomObject,
  frame: number,
): Omit<ShownPicture, 'pixelAspectRatio'> | undefined {
  const { Rows, Columns } = header;
  const length = 3 * Rows * Columns;
  if (
    pixelData.kind !== 'native' ||
    pixelData.swappedPairs ||
    header.PhotometricInterpretation !== 'RGB' ||
    header.BitsAllocated !== 8 ||
    header.PlanarConfiguration !== 0 ||
    pixelData.bytes.length < (frame + 1) * length
  ) {
    return undefined;
  }
  const pixels = Uint8Array.from(pixelData.bytes.subarray(frame * length, (frame + 1) * length));
  return { width: Columns, height: Rows, channels: 3, pixels };
}

/** Samples as in Explicit VR Little Endian. Source: PS3.5 8.1.1. */
async function samplesOf(object: DicomObject, frame: number): Promise<Uint8Array> {
  const { fromColour, pixels } = await decode(object, frame);
  if (fromColour) {
    throw new PipelineError(
      'not-acceptable',
      'Compressed colour is not decoded here: ask for the transfer syntax that is stored.',
    );
  }
  const { BitsAllocated } = object.pixels;
  const samples = BitsAllocated === 16 ? Uint16Array.from(pixels) : Uint8Array.from(pixels);
  return new Uint8Array(samples.buffer);
}

function transferable(answer: ImageAnswer): ArrayBuffer[] {
  switch (answer.kind) {
    case 'picture':
      return [answer.picture.pixels.buffer as ArrayBuffer];
    case 'samples':
      return [answer.samples.buffer as ArrayBuffer];
    case 'failed':
      return [];
  }
}

/**
 * On Linux a thread has a priority of its own: whoever looks at images hardly slows down who analyses them. At the lowest
 * one a picture would take minutes beside busy processors.
 */
function stepBack(): void {
  try {
    setPriority(
      Number(basename(readlinkSync('/proc/thread-self'))),
      constants.priority.PRIORITY_BELOW_NORMAL,
    );
  } catch {
    // Elsewhere one thread is limit enough.
  }
}
