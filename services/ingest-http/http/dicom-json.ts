import type { Request, Response } from 'express';

import { readDicomJson } from '../../../adapters/dicom/read-source-study.js';
import type { DicomJson } from '../../../adapters/dicom/dicom-json.js';
import { PipelineError } from '../../../core/errors.js';
import type { ObjectStore } from '../../../core/storage/object-store.js';
import type { StoredInstance } from '../../../core/storage/study-store.js';
import { negotiate } from './media-type.js';

const TYPES = ['application/dicom+json', 'application/json'] as const;
type JsonType = (typeof TYPES)[number];

/** The form of DICOM JSON that the request takes. Throws `not-acceptable` when it takes none. */
export function acceptedJsonType({ headers }: Request): JsonType {
  const type = negotiate(headers.accept, TYPES);
  if (type === undefined) {
    throw new PipelineError('not-acceptable', `Available: ${TYPES.join(', ')}.`);
  }
  return type;
}

export function sendDicomJson(response: Response, type: JsonType, found: readonly object[]): void {
  // As bytes: to text express adds a charset, which the media type does not have.
  response.set('Content-Type', type).send(Buffer.from(JSON.stringify(found)));
}

/** Their headers, one file after the other. Throws what `readDicomJson` throws. */
export async function readHeaders(
  objects: Pick<ObjectStore, 'path'>,
  instances: readonly StoredInstance[],
): Promise<DicomJson[]> {
  const headers: DicomJson[] = [];
  for (const { objectKey } of instances) {
    headers.push(await readDicomJson(objects.path(objectKey)));
  }
  return headers;
}
