import type { Request, RequestHandler, Response } from 'express';

import type { ImageDecoder } from '../../../adapters/dicom/rendering/image-decoder.js';
import { readStoredFrames } from '../../../adapters/dicom/rendering/stored-frames.js';
import { PipelineError } from '../../../core/errors.js';
import { chooseFrameType } from '../dicomweb/frame-type.js';
import type { FrameType } from '../dicomweb/frame-type.js';
import { findObjects, instancePath } from '../dicomweb/held-objects.js';
import type { HeldObject, HeldObjectsDeps } from '../dicomweb/held-objects.js';
import { sendParts } from '../http/multipart-answer.js';
import type { AnswerPart } from '../http/multipart-answer.js';
import type { AddResource } from '../http/resource.js';
import { INSTANCE_PATH, PIXEL_DATA_PATH } from './retrieve-instances.js';

export interface FramesDeps extends HeldObjectsDeps {
  readonly decoder: Pick<ImageDecoder, 'samples' | 'picture'>;
}

const MAX_FRAMES = 1_000;

/** WADO-RS of frames and of Pixel Data as bulk data (PS3.18 10.4.1.1.5, 10.4.1.1.6), stored or decoded. */
export function addFrameRoutes(add: AddResource, deps: FramesDeps): void {
  const frames: RequestHandler = async (request, response) => {
    const wanted = parseFrames(request);
    await sendFrames(deps, request, response, () => wanted);
  };
  const pixelData: RequestHandler = (request, response) =>
    sendFrames(deps, request, response, (count) => Array.from({ length: count }, (_, at) => at));
  add(`${INSTANCE_PATH}/frames/:frames`, { get: { scope: 'read', handle: frames } });
  add(`${INSTANCE_PATH}${PIXEL_DATA_PATH}`, { get: { scope: 'read', handle: pixelData } });
}

/** The numbers of a frame list less one. Throws `request-invalid`. */
export function parseFrames({ params }: Request): readonly number[] {
  const list = String(params['frames']).split(',');
  if (!list.every((text) => /^[1-9]\d{0,8}$/.test(text)) || list.length > MAX_FRAMES) {
    throw new PipelineError(
      'request-invalid',
      `Frames are numbers from 1 on, separated by commas, at most ${MAX_FRAMES}.`,
    );
  }
  return list.map((text) => Number(text) - 1);
}

async function sendFrames(
  deps: FramesDeps,
  request: Request,
  response: Response,
  choose: (count: number) => readonly number[],
): Promise<void> {
  const { foremost: object } = await findObjects(deps, request.params);
  const type = chooseFrameType(request.headers.accept, object.TransferSyntaxUID);
  if (type === undefined) {
    throw new PipelineError(
      'not-acceptable',
      'Available: multipart/related; type="application/octet-stream", and with transfer-syntax=* as it is stored.',
    );
  }
  if (!object.hasPixels) {
    throw new PipelineError('not-found', 'The object has no frames.');
  }
  const source = await object.load();
  const stored = await deps.objects.guarded(() => readStoredFrames(source));
  const [first, ...rest] = choose(stored.count);
  if (first === undefined || [first, ...rest].some((index) => index >= stored.count)) {
    throw new PipelineError('not-found', `The object has ${stored.count} frames.`);
  }
  if (!type.multipart && rest.length > 0) {
    throw new PipelineError('not-acceptable', 'Several frames come as multipart/related alone.');
  }
  const read = (index: number): Promise<Uint8Array> =>
    type.decoded
      ? deps.decoder.samples(source, index, () => !response.destroyed)
      : Promise.resolve(stored.frame(index));
  const bytes = await read(first);
  if (!type.multipart) {
    response.set('Content-Type', type.contentType).send(Buffer.from(bytes));
    return;
  }
  const [essence = ''] = type.contentType.split(';');
  const part = (index: number, body: Uint8Array) => toPart(object, type, index, body);
  await sendParts(response, essence, part(first, bytes), others(rest, read, part));
}

async function* others(
  indexes: readonly number[],
  read: (index: number) => Promise<Uint8Array>,
  part: (index: number, body: Uint8Array) => AnswerPart,
): AsyncGenerator<AnswerPart> {
  for (const index of indexes) {
    yield part(index, await read(index));
  }
}

function toPart(
  object: HeldObject,
  { contentType }: FrameType,
  index: number,
  body: Uint8Array,
): AnswerPart {
  return { contentType, location: `${instancePath(object)}/frames/${index + 1}`, body };
}
