import { z } from 'zod';
import type { ZodOpenApiPathsObject } from 'zod-openapi';

import { json, problems } from './openapi-answers.js';
import {
  deliveryListSchema,
  deliveryQuerySchema,
  listedDeliverySchema,
} from './routes/deliveries-schemas.js';
import {
  destinationListSchema,
  openedSchema,
  putDestinationSchema,
  shownDestinationSchema,
} from './routes/destinations-schemas.js';
import { operatorRequestSchema } from './routes/operations-schemas.js';

const tags = ['Deliveries'];
const id = z.uuid();
const path = z.object({ name: z.string() });
const requestBody = {
  required: true,
  content: { 'application/json': { schema: operatorRequestSchema } },
};

export const DELIVERY_PATHS: ZodOpenApiPathsObject = {
  '/api/v1/deliveries': {
    get: {
      operationId: 'listDeliveries',
      summary: 'Deliveries of results to destinations, newest first',
      tags,
      requestParams: { query: deliveryQuerySchema },
      responses: {
        '200': json('A page of deliveries.', deliveryListSchema),
        ...problems(400, 401, 403, 429, 503),
      },
    },
  },
  '/api/v1/deliveries/{id}': {
    get: {
      operationId: 'getDelivery',
      summary: 'One delivery',
      tags,
      requestParams: { path: z.object({ id }) },
      responses: {
        '200': json('The delivery.', listedDeliverySchema),
        ...problems(401, 403, 404, 429, 503),
      },
    },
  },
  '/api/v1/deliveries/{id}/replay': {
    post: {
      operationId: 'replayDelivery',
      summary:
        'Send a delivery again that has ended, or at once one that waits for its next attempt; same idempotency key',
      tags,
      requestParams: { path: z.object({ id }) },
      requestBody,
      responses: {
        '202': json('It is on its way.', listedDeliverySchema),
        ...problems(400, 401, 403, 404, 409, 429, 503),
      },
    },
  },
  '/api/v1/destinations': {
    get: {
      operationId: 'listDestinations',
      summary: 'Where results go, without anything secret',
      tags,
      responses: {
        '200': json('The destinations.', destinationListSchema),
        ...problems(401, 403, 429, 503),
      },
    },
  },
  '/api/v1/destinations/{name}': {
    get: {
      operationId: 'getDestination',
      summary: 'One destination; one that the API has set as it was put',
      tags,
      requestParams: { path },
      responses: {
        '200': json('The destination.', shownDestinationSchema),
        ...problems(401, 403, 404, 429, 503),
      },
    },
    put: {
      operationId: 'putDestination',
      summary: 'Make a destination or replace it; every process has it within seconds',
      tags,
      requestParams: { path },
      requestBody: {
        required: true,
        content: { 'application/json': { schema: putDestinationSchema } },
      },
      responses: {
        '200': json('It is replaced.', shownDestinationSchema),
        '201': json('It is made.', shownDestinationSchema),
        ...problems(400, 401, 403, 409, 429, 503),
      },
    },
    delete: {
      operationId: 'deleteDestination',
      summary: 'Send nothing more there; what is on its way is given up at its next attempt',
      tags,
      requestParams: { path },
      responses: {
        '204': { description: 'It is removed.' },
        ...problems(401, 403, 404, 409, 429, 503),
      },
    },
  },
  '/api/v1/destinations/{name}/open': {
    post: {
      operationId: 'openDestination',
      summary: 'Send again to a destination that has said that it is gone (410)',
      tags,
      requestParams: { path },
      requestBody,
      responses: {
        '200': json('It gets results again.', openedSchema),
        ...problems(400, 401, 403, 404, 429, 503),
      },
    },
  },
};
