import { z } from 'zod';

import { PipelineError } from '../../../core/errors.js';

const placeSchema = z.tuple([z.int(), z.uuid()]);

/** Where a page ended: the time that it is ordered by, and the id among equal times. */
export function encodeCursor(at: Date, id: string): string {
  const place: z.infer<typeof placeSchema> = [at.getTime(), id];
  return Buffer.from(JSON.stringify(place)).toString('base64url');
}

/** @throws PipelineError `request-invalid` for what `encodeCursor` has not made */
export function decodeCursor(cursor: string): { atMs: number; id: string } {
  try {
    const text = Buffer.from(cursor, 'base64url').toString('utf8');
    const [atMs, id] = placeSchema.parse(JSON.parse(text));
    return { atMs, id };
  } catch (cause) {
    throw new PipelineError('request-invalid', 'The cursor is not one of ours.', { cause });
  }
}
