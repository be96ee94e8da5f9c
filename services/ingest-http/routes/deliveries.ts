import express from 'express';
import type { Request, RequestHandler, Response } from 'express';
import { z } from 'zod';

import { PipelineError } from '../../../core/errors.js';
import type { ListedDelivery, OperationsStore } from '../../../core/storage/operations-store.js';
import type { StoredDelivery } from '../../../core/storage/study-store.js';
import { isoTime, isoTimeIfKnown } from '../../../core/time.js';
import { parseRequest } from '../http/parse-request.js';
import type { RequestLocals } from '../http/request-log.js';
import type { AddResource } from '../http/resource.js';
import { deliveryQuerySchema } from './deliveries-schemas.js';
import type {
  deliveryListSchema,
  deliverySchema,
  listedDeliverySchema,
} from './deliveries-schemas.js';
import { operatorRequest } from './operator-request.js';

/** Results on their way to destinations, and what has become of them. */
export function addDeliveryRoutes(add: AddResource, operations: OperationsStore): void {
  const json = express.json({ limit: '16kb' });
  add('/api/v1/deliveries', { get: { scope: 'read', handle: listDeliveries(operations) } });
  add('/api/v1/deliveries/:id', { get: { scope: 'read', handle: getDelivery(operations) } });
  add('/api/v1/deliveries/:id/replay', {
    post: { scope: 'admin', handle: [json, replayDelivery(operations)] },
  });
}

export function deliveryToJson(delivery: StoredDelivery): z.infer<typeof deliverySchema> {
  return {
    id: delivery.deliveryId,
    destination: delivery.destination,
    resultVersion: delivery.resultVersion,
    state: delivery.state,
    attempts: delivery.attempts,
    lastError: delivery.lastError,
    createdAt: isoTime(delivery.createdAtMs),
    nextAttemptAt: isoTimeIfKnown(delivery.nextAttemptAtMs),
    deliveredAt: isoTimeIfKnown(delivery.deliveredAtMs),
    receipt: delivery.receipt,
    failedDeliveryId: delivery.failedDeliveryId,
  };
}

function listDeliveries(operations: OperationsStore): RequestHandler {
  return async (request, response) => {
    const query = parseRequest(deliveryQuerySchema, request.query);
    const { deliveries, nextCursor } = await operations.listDeliveries(query);
    response.json({ deliveries: deliveries.map(listedToJson), nextCursor } satisfies z.infer<
      typeof deliveryListSchema
    >);
  };
}

function getDelivery(operations: OperationsStore): RequestHandler {
  return async (request, response) => {
    response.json(await found(operations, request));
  };
}

function replayDelivery(operations: OperationsStore): RequestHandler {
  return async (request, response) => {
    const { id, destination } = await found(operations, request);
    switch (await operations.replayDelivery(id, operatorRequest(request, response))) {
      case 'replayed':
        audited(response);
        response.status(202).json(await found(operations, request));
        return;
      case 'on-its-way':
        throw new PipelineError(
          'state-conflict',
          'The delivery is on its way now, or comes after others.',
        );
      case 'outdated':
        throw new PipelineError(
          'state-conflict',
          `A newer version of the result goes to ${destination}. Replay that one.`,
        );
      case 'not-found':
        throw notFound();
    }
  };
}

async function found(
  operations: OperationsStore,
  request: Request,
): Promise<z.infer<typeof listedDeliverySchema>> {
  const parsed = z.uuid().safeParse(request.params['id']);
  const delivery = parsed.success ? await operations.findDelivery(parsed.data) : undefined;
  if (delivery === undefined) {
    throw notFound();
  }
  return listedToJson(delivery);
}

function listedToJson(delivery: ListedDelivery): z.infer<typeof listedDeliverySchema> {
  return { ...deliveryToJson(delivery), StudyInstanceUID: delivery.StudyInstanceUID };
}

function notFound(): PipelineError {
  return new PipelineError('not-found', 'There is no such delivery.');
}

function audited(response: Response): void {
  (response.locals as RequestLocals).facts['audit'] = true;
}
