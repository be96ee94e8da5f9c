import type { z } from 'zod';
import type { ZodOpenApiResponsesObject } from 'zod-openapi';

import { problemSchema } from './http/problem.js';

export function json(description: string, schema: z.ZodType) {
  return { description, content: { 'application/json': { schema } } };
}

export function problems(...statuses: readonly number[]): ZodOpenApiResponsesObject {
  return Object.fromEntries(
    statuses.map((status) => [
      String(status),
      {
        description: 'A problem (RFC 9457).',
        content: { 'application/problem+json': { schema: problemSchema } },
      },
    ]),
  );
}
