import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';

import type { Request } from 'express';

import type { ObjectSource } from '../../../adapters/dicom/rendering/image-task.js';
import { flaggedImages } from '../../../core/delivery/dicom/result-object.js';
import { parseUid } from '../../../core/dicom/uid.js';
import { PipelineError } from '../../../core/errors.js';
import type { ObjectStore } from '../../../core/storage/object-store.js';
import type { StoredInstance, StudyStore } from '../../../core/storage/study-store.js';

/** An object that can be retrieved. */
export interface HeldObject {
  readonly StudyInstanceUID: string;
  readonly SeriesInstanceUID: string;
  readonly SOPInstanceUID: string;
  readonly TransferSyntaxUID: string;
  readonly source: ObjectSource;
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
  readonly objects: Pick<ObjectStore, 'path'>;
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

async function objectsOf({ studies, objects }: HeldObjectsDeps, params: Request['params']) {
  const uid = parseUid(String(params['StudyInstanceUID']));
  const study = uid && (await studies.findStudy(uid));
  const wanted = (study?.instances ?? []).filter((instance) => isNamed(instance, params));
  const kept = wanted.filter(({ purgedAtMs }) => purgedAtMs === undefined);
  const flagged = study?.latestResult === undefined ? [] : flaggedImages(study.latestResult);
  return {
    objects: kept.map((instance) => heldObject(objects, instance)),
    complete: kept.length === wanted.length,
    flagged: new Set<string>(flagged.map(({ SOPInstanceUID }) => SOPInstanceUID)),
  };
}

/** The Part 10 file, from disk or from memory. */
export function openObject({ source }: HeldObject): AsyncIterable<Uint8Array> {
  return 'path' in source
    ? (createReadStream(source.path) as AsyncIterable<Uint8Array>)
    : oneChunk(source.bytes);
}

export async function sizeOf({ source }: HeldObject): Promise<number> {
  return 'path' in source ? (await stat(source.path)).size : source.bytes.length;
}

export function instancePath(object: HeldObject): string {
  const { StudyInstanceUID, SeriesInstanceUID, SOPInstanceUID } = object;
  return `/dicom-web/studies/${StudyInstanceUID}/series/${SeriesInstanceUID}/instances/${SOPInstanceUID}`;
}

function isNamed(
  { identity }: StoredInstance,
  { SeriesInstanceUID, SOPInstanceUID }: Request['params'],
): boolean {
  return (
    (SeriesInstanceUID === undefined || identity.SeriesInstanceUID === SeriesInstanceUID) &&
    (SOPInstanceUID === undefined || identity.SOPInstanceUID === SOPInstanceUID)
  );
}

function heldObject(
  objects: HeldObjectsDeps['objects'],
  { identity, objectKey, sha256 }: StoredInstance,
): HeldObject {
  return { ...identity, source: { path: objects.path(objectKey) }, version: sha256 };
}

async function* oneChunk(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield await Promise.resolve(bytes);
}
