import { pipeline } from 'node:stream/promises';

import type { RequestHandler } from 'express';

import type { DicomJson } from '../../../adapters/dicom/dicom-json.js';
import { readDicomJson } from '../../../adapters/dicom/read-source-study.js';
import { PipelineError } from '../../../core/errors.js';
import { findObjects, instancePath, openObject } from '../dicomweb/held-objects.js';
import type { HeldObject, HeldObjectsDeps } from '../dicomweb/held-objects.js';
import { baseUrlOf } from '../http/base-url.js';
import { acceptedJsonType, sendDicomJson } from '../http/dicom-json.js';
import { negotiate } from '../http/media-type.js';
import { sendParts } from '../http/multipart-answer.js';
import type { AnswerPart } from '../http/multipart-answer.js';
import type { AddResource } from '../http/resource.js';

const PIXEL_DATA = '7FE00010';
const DICOM = 'application/dicom';
const INSTANCE_TYPES = ['multipart/related', DICOM] as const;

/** What is retrieved: a study, a series, an instance. */
export const STUDY_PATH = '/dicom-web/studies/:StudyInstanceUID';
export const SERIES_PATH = `${STUDY_PATH}/series/:SeriesInstanceUID`;
export const INSTANCE_PATH = `${SERIES_PATH}/instances/:SOPInstanceUID`;
/** Below an instance. */
export const PIXEL_DATA_PATH = `/bulkdata/${PIXEL_DATA}`;

export interface RetrieveOptions {
  readonly publicUrl: string | undefined;
}

/** WADO-RS (PS3.18 10.4): objects as they were received, and their metadata. The study itself is added by who stores. */
export function addRetrieveRoutes(
  add: AddResource,
  deps: HeldObjectsDeps,
  options: RetrieveOptions,
): void {
  const retrieve = { get: { scope: 'read', handle: retrieveInstances(deps) } } as const;
  const metadata = { get: { scope: 'read', handle: retrieveMetadata(deps, options) } } as const;
  for (const path of [STUDY_PATH, SERIES_PATH, INSTANCE_PATH]) {
    if (path !== STUDY_PATH) {
      add(path, retrieve);
    }
    add(`${path}/metadata`, metadata);
  }
}

/**
 * The objects byte for byte, one after the other from disk, in the transfer syntax that they have: none is
 * converted. 206 when the retention rules have removed some.
 */
export function retrieveInstances(deps: HeldObjectsDeps): RequestHandler {
  return async (request, response) => {
    const single = request.params['SOPInstanceUID'] !== undefined;
    const type = negotiate(request.headers.accept, INSTANCE_TYPES);
    if (type === undefined || (type === DICOM && !single)) {
      throw new PipelineError(
        'not-acceptable',
        'Available: multipart/related; type="application/dicom", and for one instance application/dicom.',
      );
    }
    const { objects, complete } = await findObjects(deps, request.params);
    const [first, ...others] = objects;
    if (type === DICOM) {
      const { sizeBytes, body } = await openObject(deps, first);
      response.set({ 'Content-Type': type, 'Content-Length': String(sizeBytes) });
      await pipeline(body, response);
      return;
    }
    response.status(complete ? 200 : 206);
    await sendParts(response, DICOM, await toPart(deps, first), partsOf(deps, others));
  };
}

/** Metadata as DICOM JSON, one object after the other. Pixel Data is named by its URL. */
function retrieveMetadata(deps: HeldObjectsDeps, { publicUrl }: RetrieveOptions): RequestHandler {
  return async (request, response) => {
    const type = acceptedJsonType(request);
    const { objects } = await findObjects(deps, request.params);
    const baseUrl = baseUrlOf(request, publicUrl);
    const metadata: DicomJson[] = [];
    for (const object of objects) {
      const header = await deps.objects.guarded(() => readDicomJson(object.header));
      metadata.push({ ...header, ...pixelDataOf(header, `${baseUrl}${instancePath(object)}`) });
    }
    sendDicomJson(response, type, metadata);
  };
}

/** Source: PS3.18 F.2.6. Only objects with pixels have Rows. */
function pixelDataOf(header: DicomJson, instanceUrl: string): DicomJson {
  const vr = Number(header['00280100']?.Value?.[0]) > 8 ? 'OW' : 'OB';
  return '00280010' in header
    ? { [PIXEL_DATA]: { vr, BulkDataURI: `${instanceUrl}${PIXEL_DATA_PATH}` } }
    : {};
}

async function toPart(deps: HeldObjectsDeps, object: HeldObject): Promise<AnswerPart> {
  const { body } = await openObject(deps, object);
  return { contentType: DICOM, body };
}

async function* partsOf(
  deps: HeldObjectsDeps,
  objects: readonly HeldObject[],
): AsyncGenerator<AnswerPart> {
  for (const object of objects) {
    yield await toPart(deps, object);
  }
}
