import { Readable } from 'node:stream';

import type { Request } from 'express';

import type { ObjectSource } from '../../../adapters/dicom/rendering/image-task.js';
import {
  EXPLICIT_VR_LITTLE_ENDIAN,
  flaggedImages,
  seriesUid,
} from '../../../core/delivery/dicom/result-object.js';
import type { ReadableObjects } from '../../../core/delivery/result-objects.js';
import { parseUid } from '../../../core/dicom/uid.js';
import { PipelineError } from '../../../core/errors.js';
import type { StudyResult } from '../../../core/results/study-result.js';
import type { ObjectStore } from '../../../core/storage/object-store.js';
import type { StoredInstance, StudyStore } from '../../../core/storage/study-store.js';

/** An object that can be retrieved: a received image, or one that a result makes. */
export interface HeldObject {
  readonly StudyInstanceUID: string;
  readonly SeriesInstanceUID: string;
  readonly SOPInstanceUID: string;
  readonly TransferSyntaxUID: string;
  /** Where its attributes are read; the pixels there may be none that anybody should see. */
  readonly header: ObjectSource;
  /** The object itself, which may have to be made first. */
  readonly load: () => Promise<ObjectSource>;
  readonly hasPixels: boolean;
  /** Another one for other bytes. */
  readonly version: string;
}

export interface FoundObjects {
  /** Never empty. */
  readonly objects: readonly [HeldObject, ...HeldObject[]];
  /** False when the retention rules have removed some. */
  readonly complete: boolean;
  /** The one to look at first: an image in which something was flagged, if there is one. */
  readonly foremost: HeldObject;
}

export interface HeldObjectsDeps {
  readonly studies: Pick<StudyStore, 'findStudy'>;
  readonly objects: Pick<ObjectStore, 'path' | 'open' | 'read' | 'guarded'>;
  readonly resultObjects: ReadableObjects;
}

/**
 * The objects of a study, a series or an instance, as the URL names it.
 * @throws PipelineError `not-found` when none is there (any more)
 */
export async function findObjects(
  deps: HeldObjectsDeps,
  params: Request['params'],
): Promise<FoundObjects> {
  const { objects, complete, flagged } = await objectsOf(deps, params);
  const [first, ...others] = objects;
  if (first === undefined) {
    throw new PipelineError('not-found', 'No such object is stored (any more).');
  }
  return {
    objects: [first, ...others],
    complete,
    foremost: objects.find(({ SOPInstanceUID }) => flagged.has(SOPInstanceUID)) ?? first,
  };
}

/** The same without an error: nothing when there is nothing. */
export async function listObjects(
  deps: HeldObjectsDeps,
  params: Request['params'],
): Promise<readonly HeldObject[]> {
  return (await objectsOf(deps, params)).objects;
}

async function objectsOf(deps: HeldObjectsDeps, params: Request['params']) {
  const uid = parseUid(String(params['StudyInstanceUID']));
  const study = uid && (await deps.studies.findStudy(uid));
  const result = study?.latestResult;
  const images = (study?.instances ?? []).filter(({ identity }) => isNamed(identity, params));
  // What a result makes stands in series of its own: where images are named, nothing else is.
  const alsoMade = params['SeriesInstanceUID'] === undefined || images.length === 0;
  const made =
    study && result && alsoMade ? await madeObjects(deps, study.study.studyId, result) : [];
  return {
    objects: [...keptImages(deps, images), ...made.filter((object) => isNamed(object, params))],
    complete: images.every(isKept),
    flagged: new Set<string>(
      result && flaggedImages(result).map(({ SOPInstanceUID }) => SOPInstanceUID),
    ),
  };
}

/** The received images of a study that the retention rules have left. */
export function keptImages(
  { objects }: Pick<HeldObjectsDeps, 'objects'>,
  instances: readonly StoredInstance[],
): HeldObject[] {
  return instances.filter(isKept).map(({ identity, objectKey, sha256 }) => {
    const source = { path: objects.path(objectKey) };
    return {
      ...identity,
      header: source,
      load: () => Promise.resolve(source),
      hasPixels: true,
      version: sha256,
    };
  });
}

/** What a result makes of the study, as destinations get it. */
export async function madeObjects(
  { resultObjects }: Pick<HeldObjectsDeps, 'resultObjects'>,
  studyId: string,
  result: StudyResult,
): Promise<HeldObject[]> {
  const of = { studyId, result };
  const files = await resultObjects.outline(of);
  return files.map(({ kind, SOPInstanceUID, bytes }) => ({
    StudyInstanceUID: result.StudyInstanceUID,
    SeriesInstanceUID: seriesUid(kind, result),
    SOPInstanceUID,
    TransferSyntaxUID: EXPLICIT_VR_LITTLE_ENDIAN,
    header: { bytes },
    load: async () => ({
      bytes: kind === 'sc' ? ((await resultObjects.summaryPage(of))?.bytes ?? bytes) : bytes,
    }),
    hasPixels: kind === 'sc',
    version: SOPInstanceUID,
  }));
}

/** The Part 10 file, from disk or from memory. Its first bytes are read already: what fails at once, fails here. */
export async function openObject(
  { objects }: Pick<HeldObjectsDeps, 'objects'>,
  { load }: HeldObject,
): Promise<{ readonly sizeBytes: number; readonly body: AsyncIterable<Uint8Array> }> {
  const source = await load();
  if ('bytes' in source) {
    return { sizeBytes: source.bytes.length, body: Readable.from([source.bytes]) };
  }
  const file = await objects.open(source.path);
  const sizeBytes = await file.sizeBytes().finally(() => file.close());
  return { sizeBytes, body: await begun(objects.read(source.path)) };
}

async function begun(bytes: AsyncIterable<Uint8Array>): Promise<AsyncIterable<Uint8Array>> {
  const iterator = bytes[Symbol.asyncIterator]();
  let next = await iterator.next();
  async function* all(): AsyncGenerator<Uint8Array> {
    try {
      for (; next.done !== true; next = await iterator.next()) {
        yield next.value;
      }
    } finally {
      await iterator.return?.();
    }
  }
  return all();
}

export function instancePath(object: HeldObject): string {
  const { StudyInstanceUID, SeriesInstanceUID, SOPInstanceUID } = object;
  return `/dicom-web/studies/${StudyInstanceUID}/series/${SeriesInstanceUID}/instances/${SOPInstanceUID}`;
}

function isKept({ purgedAtMs }: StoredInstance): boolean {
  return purgedAtMs === undefined;
}

function isNamed(
  object: Pick<HeldObject, 'SeriesInstanceUID' | 'SOPInstanceUID'>,
  { SeriesInstanceUID, SOPInstanceUID }: Request['params'],
): boolean {
  return (
    (SeriesInstanceUID === undefined || object.SeriesInstanceUID === SeriesInstanceUID) &&
    (SOPInstanceUID === undefined || object.SOPInstanceUID === SOPInstanceUID)
  );
}
