import { z } from 'zod';

import { PipelineError } from '../../../core/errors.js';

const placeSchema = z.tuple([z.int(), z.uuid()]);

/** A page of rows that were asked for with one more than its limit, and the cursor behind it if there is more. */
export function takePage<Row>(
  rows: readonly Row[],
  limit: number,
  placeOf: (row: Row) => readonly [at: Date, id: string],
): { readonly page: readonly Row[]; readonly nextCursor: string | undefined } {
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  const more = rows.length > limit && last !== undefined;
  return { page, nextCursor: more ? encodeCursor(...placeOf(last)) : undefined };
}

/** Where a page ended: the time that it is ordered by, and the id among equal times. */
function encodeCursor(at: Date, id: string): string {
  const place: z.infer<typeof placeSchema> = [at.getTime(), id];
  return Buffer.from(JSON.stringify(place)).toString('base64url');
}

/** @throws PipelineError `request-invalid` for what `takePage` has not made */
export function decodeCursor(cursor: string): { atMs: number; id: string } {
  try {
    const text = Buffer.from(cursor, 'base64url').toString('utf8');
    const [atMs, id] = placeSchema.parse(JSON.parse(text));
    return { atMs, id };
  } catch (cause) {
    throw new PipelineError('request-invalid', 'The cursor is not one of ours.', { cause });
  }
}
