import type { Request, Response } from 'express';

import { PipelineError } from '../../../core/errors.js';
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
