import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import type { Request, RequestHandler } from 'express';

import { parseUid } from '../../../core/dicom/uid.js';
import { PipelineError } from '../../../core/errors.js';
import type { ObjectStore } from '../../../core/storage/object-store.js';
import type { StoredInstance, StudyStore } from '../../../core/storage/study-store.js';
import { acceptedJsonType, readHeaders, sendDicomJson } from '../http/dicom-json.js';
import { negotiate } from '../http/media-type.js';
import type { AddResource } from '../http/resource.js';

export interface RetrieveDeps {
  readonly studies: Pick<StudyStore, 'findStudy'>;
  readonly objects: Pick<ObjectStore, 'path'>;
}

const INSTANCE_TYPES = ['multipart/related', 'application/dicom'] as const;

/** What is retrieved: a study, a series, an instance. */
const LEVELS = [
  '/dicom-web/studies/:StudyInstanceUID/series/:SeriesInstanceUID',
  '/dicom-web/studies/:StudyInstanceUID/series/:SeriesInstanceUID/instances/:SOPInstanceUID',
] as const;

/** WADO-RS (PS3.18 10.4): objects as they were received, and their metadata. The study itself is added by who stores. */
export function addRetrieveRoutes(add: AddResource, deps: RetrieveDeps): void {
  const retrieve = { get: { scope: 'read', handle: retrieveInstances(deps) } } as const;
  const metadata = { get: { scope: 'read', handle: retrieveMetadata(deps) } } as const;
  for (const path of LEVELS) {
    add(path, retrieve);
    add(`${path}/metadata`, metadata);
  }
  add('/dicom-web/studies/:StudyInstanceUID/metadata', metadata);
}

/**
 * The objects byte for byte, one after the other from disk, in the transfer syntax that they have: none is
 * converted. 206 when the retention rules have removed some.
 */
export function retrieveInstances(deps: RetrieveDeps): RequestHandler {
  return async (request, response) => {
    const single = request.params['SOPInstanceUID'] !== undefined;
    const type = negotiate(request.headers.accept, INSTANCE_TYPES);
    if (type === undefined || (type === 'application/dicom' && !single)) {
      throw new PipelineError(
        'not-acceptable',
        'Available: multipart/related; type="application/dicom", and for one instance application/dicom.',
      );
    }
    const { kept, complete } = await find(deps, request);
    if (type === 'application/dicom') {
      const path = deps.objects.path(kept[0]!.objectKey);
      const { size } = await stat(path);
      response.set({ 'Content-Type': type, 'Content-Length': String(size) });
      await pipeline(createReadStream(path), response);
      return;
    }
    const boundary = `preread-${randomUUID()}`;
    response.status(complete ? 200 : 206);
    response.set(
      'Content-Type',
      `multipart/related; type="application/dicom"; boundary=${boundary}`,
    );
    const paths = kept.map(({ objectKey }) => deps.objects.path(objectKey));
    await pipeline(Readable.from(parts(paths, boundary)), response);
  };
}

/** Metadata as DICOM JSON, one object after the other. */
function retrieveMetadata(deps: RetrieveDeps): RequestHandler {
  return async (request, response) => {
    const type = acceptedJsonType(request);
    const { kept } = await find(deps, request);
    sendDicomJson(response, type, await readHeaders(deps.objects, kept));
  };
}

/** What is stored of a study, a series or an instance, removed or not; nothing when the study is unknown. */
export async function storedInstances(
  studies: RetrieveDeps['studies'],
  { StudyInstanceUID, SeriesInstanceUID, SOPInstanceUID }: Request['params'],
): Promise<readonly StoredInstance[]> {
  const uid = parseUid(String(StudyInstanceUID));
  const study = uid && (await studies.findStudy(uid));
  return (study?.instances ?? []).filter(
    ({ identity }) =>
      (SeriesInstanceUID === undefined || identity.SeriesInstanceUID === SeriesInstanceUID) &&
      (SOPInstanceUID === undefined || identity.SOPInstanceUID === SOPInstanceUID),
  );
}

/** Whether the retention rules have left the file. */
export function isKept({ purgedAtMs }: StoredInstance): boolean {
  return purgedAtMs === undefined;
}

async function find(
  { studies }: RetrieveDeps,
  request: Request,
): Promise<{ readonly kept: readonly StoredInstance[]; readonly complete: boolean }> {
  const wanted = await storedInstances(studies, request.params);
  const kept = wanted.filter(isKept);
  if (kept.length === 0) {
    throw new PipelineError('not-found', 'No such object is stored (any more).');
  }
  return { kept, complete: kept.length === wanted.length };
}

async function* parts(paths: readonly string[], boundary: string): AsyncGenerator<Uint8Array> {
  for (const path of paths) {
    yield Buffer.from(`--${boundary}\r\nContent-Type: application/dicom\r\n\r\n`);
    yield* createReadStream(path) as AsyncIterable<Uint8Array>;
    yield Buffer.from('\r\n');
  }
  yield Buffer.from(`--${boundary}--\r\n`);
}
