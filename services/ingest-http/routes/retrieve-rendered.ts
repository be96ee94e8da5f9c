import { createHash } from 'node:crypto';

import type { Request, RequestHandler, Response } from 'express';

import { encodePicture, PICTURE_TYPES } from '../../../adapters/dicom/rendering/encode-picture.js';
import type { PictureType } from '../../../adapters/dicom/rendering/encode-picture.js';
import { PipelineError } from '../../../core/errors.js';
import { findObjects, instancePath } from '../dicomweb/held-objects.js';
import type { HeldObject } from '../dicomweb/held-objects.js';
import { parseRendering } from '../dicomweb/rendering-query.js';
import type { RenderingQuery } from '../dicomweb/rendering-query.js';
import { acceptedRanges, covers, negotiate } from '../http/media-type.js';
import { sendParts } from '../http/multipart-answer.js';
import type { AnswerPart } from '../http/multipart-answer.js';
import type { AddResource } from '../http/resource.js';
import { parseFrames } from './retrieve-frames.js';
import type { FramesDeps } from './retrieve-frames.js';
import { INSTANCE_PATH, SERIES_PATH, STUDY_PATH } from './retrieve-instances.js';

const THUMBNAIL_SIDE = 256;

/** A frame of an object; 0 is the first. */
interface Shown {
  readonly object: HeldObject;
  readonly frame: number;
}

/** Rendered resources and thumbnails (PS3.18 10.4.1.1.3, 10.4.1.1.4): JPEG and PNG, for browsers and lists. */
export function addRenderedRoutes(add: AddResource, deps: FramesDeps): void {
  const rendered = { get: { scope: 'read', handle: retrieveRendered(deps) } } as const;
  const thumbnail = { get: { scope: 'read', handle: retrieveThumbnail(deps) } } as const;
  for (const path of [STUDY_PATH, SERIES_PATH, INSTANCE_PATH, `${INSTANCE_PATH}/frames/:frames`]) {
    add(`${path}/rendered`, rendered);
    add(`${path}/thumbnail`, thumbnail);
  }
}

/** One picture; of a study or a series the foremost one, or all when the client accepts `multipart/related`. */
function retrieveRendered(deps: FramesDeps): RequestHandler {
  return async (request, response) => {
    const query = parseRendering('rendered', request.query);
    const { type, multipart } = acceptedPicture(query.accept ?? request.headers.accept);
    const { objects, foremost } = await findPictures(deps, request);
    const frames = request.params['frames'] === undefined ? [0] : parseFrames(request);
    if (!multipart) {
      if (frames.length > 1) {
        throw new PipelineError(
          'not-acceptable',
          'Several frames come as multipart/related alone.',
        );
      }
      await sendPicture(
        deps,
        request,
        response,
        { object: foremost, frame: frames[0] ?? 0 },
        type,
        query,
      );
      return;
    }
    const shown = objects.flatMap((object) => frames.map((frame) => ({ object, frame })));
    const [first, ...rest] = shown.map((one) => () => pictureOf(deps, response, one, type, query));
    if (first !== undefined) {
      await sendParts(response, type, await first(), made(rest));
    }
  };
}

function retrieveThumbnail(deps: FramesDeps): RequestHandler {
  return async (request, response) => {
    const query = parseRendering('thumbnail', request.query);
    const type = negotiate(query.accept ?? request.headers.accept, PICTURE_TYPES);
    if (type === undefined) {
      throw notAcceptable();
    }
    const { foremost: object } = await findPictures(deps, request);
    const [frame = 0] = request.params['frames'] === undefined ? [] : parseFrames(request);
    const viewport = query.viewport ?? { width: THUMBNAIL_SIDE, height: THUMBNAIL_SIDE };
    await sendPicture(deps, request, response, { object, frame }, type, { ...query, viewport });
  };
}

/** Those of the objects that can be shown. */
async function findPictures(deps: FramesDeps, request: Request) {
  const { objects, foremost } = await findObjects(deps, request.params);
  if (!foremost.hasPixels) {
    throw new PipelineError('not-acceptable', 'The object has no picture: retrieve it as it is.');
  }
  return { objects: objects.filter(({ hasPixels }) => hasPixels), foremost };
}

/** Not made at all for who has it already. */
async function sendPicture(
  deps: FramesDeps,
  request: Request,
  response: Response,
  shown: Shown,
  type: PictureType,
  query: RenderingQuery,
): Promise<void> {
  const made = [shown.object.version, shown.frame, type, query];
  const tag = createHash('sha256').update(JSON.stringify(made)).digest('hex').slice(0, 32);
  response.set({ ETag: `"${tag}"`, 'Cache-Control': 'private, no-cache', Vary: 'Accept' });
  if (request.fresh) {
    response.status(304).end();
    return;
  }
  const { body } = await pictureOf(deps, response, shown, type, query);
  response.set('Content-Type', type).send(body);
}

async function pictureOf(
  { decoder }: FramesDeps,
  response: Response,
  { object, frame }: Shown,
  type: PictureType,
  { viewport, quality, window }: RenderingQuery,
): Promise<AnswerPart & { readonly body: Buffer }> {
  const isWanted = () => !response.destroyed;
  const picture = await decoder.picture(await object.load(), frame, window, isWanted);
  const body = await encodePicture(picture, type, {
    ...(viewport && { viewport }),
    ...(quality !== undefined && { quality }),
  });
  return {
    contentType: type,
    location: `${instancePath(object)}/frames/${frame + 1}/rendered`,
    body,
  };
}

async function* made(rest: readonly (() => Promise<AnswerPart>)[]): AsyncGenerator<AnswerPart> {
  for (const make of rest) {
    yield await make();
  }
}

function acceptedPicture(accept: string | undefined): {
  readonly type: PictureType;
  readonly multipart: boolean;
} {
  for (const { essence, parameters } of acceptedRanges(accept)) {
    const multipart = essence === 'multipart/related';
    const asked = multipart ? (parameters.get('type') ?? '*/*').toLowerCase() : essence;
    const type = PICTURE_TYPES.find((one) => covers(asked, one));
    if (type !== undefined) {
      return { type, multipart };
    }
  }
  throw notAcceptable();
}

function notAcceptable(): PipelineError {
  return new PipelineError('not-acceptable', `Available: ${PICTURE_TYPES.join(', ')}.`);
}
