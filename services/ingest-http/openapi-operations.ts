import { z } from 'zod';
import type { ZodOpenApiPathsObject } from 'zod-openapi';

import { DEAD_LETTER_KINDS } from '../../core/storage/operations-store.js';
import { json, problems } from './openapi-answers.js';
import {
  deadLetterListSchema,
  deadLetterSchema,
  operatorRequestSchema,
  replayedSchema,
  reprocessedSchema,
  statusSchema,
} from './routes/operations-schemas.js';

const tags = ['Operations'];
const id = z.uuid();
const requestBody = {
  required: true,
  content: { 'application/json': { schema: operatorRequestSchema } },
};

/** The resources for whoever operates the pipeline. */
export const OPERATIONS_PATHS: ZodOpenApiPathsObject = {
  '/api/v1/status': {
    get: {
      operationId: 'getStatus',
      summary: 'What waits, since when, and what room is left',
      tags,
      responses: { '200': json('The status.', statusSchema), ...problems(401, 403, 429, 503) },
    },
  },
  '/api/v1/studies/{StudyInstanceUID}/reprocess': {
    post: {
      operationId: 'reprocessStudy',
      summary: 'Do a study again: its next result version carries the reason',
      tags,
      requestParams: { path: z.object({ StudyInstanceUID: z.string() }) },
      requestBody,
      responses: {
        '202': json('Its images are queued again.', reprocessedSchema),
        ...problems(400, 401, 403, 404, 409, 429, 503),
      },
    },
  },
  '/api/v1/dead-letters': {
    get: {
      operationId: 'listDeadLetters',
      summary: 'What waits for a person',
      tags,
      requestParams: {
        query: z.object({
          limit: z.int().min(1).max(1_000).optional(),
          kind: z.enum(DEAD_LETTER_KINDS).optional(),
          destination: z.string().optional(),
        }),
      },
      responses: {
        '200': json('The dead letters.', deadLetterListSchema),
        ...problems(400, 401, 403, 429, 503),
      },
    },
  },
  '/api/v1/dead-letters/{id}': {
    get: {
      operationId: 'getDeadLetter',
      summary: 'One dead letter',
      tags,
      requestParams: { path: z.object({ id }) },
      responses: {
        '200': json('The dead letter.', deadLetterSchema),
        ...problems(401, 403, 404, 429, 503),
      },
    },
  },
  '/api/v1/dead-letters/{id}/replay': {
    post: {
      operationId: 'replayDeadLetter',
      summary: 'Try it again; a delivery keeps its idempotency key',
      tags,
      requestParams: { path: z.object({ id }) },
      requestBody,
      responses: {
        '202': json('It is queued again.', replayedSchema),
        ...problems(400, 401, 403, 404, 429, 503),
      },
    },
  },
};
