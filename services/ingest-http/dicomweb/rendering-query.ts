import { z } from 'zod';

import { VOI_LUT_FUNCTIONS } from '../../../core/dicom/instance-header.js';
import type { VoiWindow } from '../../../core/dicom/instance-header.js';
import type { Viewport } from '../../../core/imaging/viewport.js';
import { parseRequest } from '../http/parse-request.js';

/** More pixels than any display has. */
const MAX_SIDE = 8_192;

const number = z
  .string()
  .regex(/^[+-]?\d{1,9}(\.\d{1,9})?$/)
  .transform(Number);
const optional = z.union([z.literal('').transform(() => undefined), number]);
const side = z
  .string()
  .regex(/^\d{1,5}$/)
  .transform(Number)
  .pipe(z.int().min(1).max(MAX_SIDE));

const viewportSchema = z
  .string()
  .transform((text) => text.split(','))
  .pipe(
    z.union([
      z.tuple([side, side]),
      z.tuple([side, side, optional, optional]),
      z.tuple([side, side, optional, optional, optional, optional]),
    ]),
  )
  .transform(([width, height, x, y, regionWidth, regionHeight]): Viewport => ({
    width,
    height,
    ...(x !== undefined && { x }),
    ...(y !== undefined && { y }),
    ...(regionWidth !== undefined && { regionWidth }),
    ...(regionHeight !== undefined && { regionHeight }),
  }));

const windowSchema = z
  .string()
  .transform((text) => text.toUpperCase().replaceAll('-', '_').split(','))
  .pipe(z.tuple([number, number, z.enum(VOI_LUT_FUNCTIONS)]))
  .transform(([center, width, name]): VoiWindow => ({ center, width, function: name }))
  .refine((window) => window.width >= 1 || (window.function !== 'LINEAR' && window.width > 0), {
    message: 'a window is wider than 0, and of function linear at least 1',
  });

const accept = z.string().optional();
const viewport = viewportSchema
  .optional()
  .describe('Width and height, then left, top, width and height of the part that is shown.');

/** Query of a thumbnail. Source: PS3.18 8.3.5.1.3. */
export const thumbnailQuerySchema = z.strictObject({ accept, viewport });

/** Query of a rendered resource. Source: PS3.18 8.3.5.1. */
export const renderedQuerySchema = z.strictObject({
  accept: accept.describe('In place of the header.'),
  quality: z
    .string()
    .regex(/^\d{1,3}$/)
    .transform(Number)
    .pipe(z.int().min(1).max(100))
    .optional()
    .describe('Of JPEG, 1 to 100.'),
  viewport,
  window: windowSchema.optional().describe('center,width,linear|linear-exact|sigmoid'),
});

export type RenderingQuery = z.output<typeof renderedQuerySchema>;

/** Throws `request-invalid`. */
export function parseRendering(
  kind: 'rendered' | 'thumbnail',
  query: Readonly<Record<string, unknown>>,
): RenderingQuery {
  return kind === 'rendered'
    ? parseRequest(renderedQuerySchema, query)
    : parseRequest(thumbnailQuerySchema, query);
}
