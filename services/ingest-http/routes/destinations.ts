import express from 'express';
import type { RequestHandler, Response } from 'express';
import type { z } from 'zod';

import { destinationName, otherReport } from '../../../core/delivery/destination.js';
import type { Destinations, SetDestination } from '../../../core/delivery/destinations.js';
import { assertNever, PipelineError } from '../../../core/errors.js';
import type {
  CheckedDestination,
  DestinationStore,
} from '../../../core/storage/destination-store.js';
import type { OperationsStore } from '../../../core/storage/operations-store.js';
import { isoTime, isoTimeIfKnown } from '../../../core/time.js';
import { parseRequest } from '../http/parse-request.js';
import type { RequestLocals } from '../http/request-log.js';
import type { AddResource } from '../http/resource.js';
import type {
  destinationListSchema,
  listedDestinationSchema,
  openedSchema,
  shownDestinationSchema,
} from './destinations-schemas.js';
import { actorOf, operatorRequest } from './operator-request.js';

export interface DestinationRoutesDeps {
  /** Those of this process. */
  readonly destinations: Destinations;
  readonly destinationStore: DestinationStore;
  /** @throws PipelineError `request-invalid` with every problem and its field */
  readonly checkDestination: (name: string, body: unknown) => CheckedDestination;
  readonly operations: Pick<OperationsStore, 'closedDestinations' | 'openDestination'>;
}

type Listed = z.infer<typeof listedDestinationSchema>;

/** Where results go: `/api/v1/destinations`. */
export function addDestinationRoutes(add: AddResource, deps: DestinationRoutesDeps): void {
  const json = express.json({ limit: '64kb' });
  add('/api/v1/destinations', { get: { scope: 'read', handle: listDestinations(deps) } });
  add('/api/v1/destinations/:name', {
    get: { scope: 'admin', handle: getDestination(deps) },
    put: { scope: 'admin', handle: [json, putDestination(deps)] },
    delete: { scope: 'admin', handle: deleteDestination(deps) },
  });
  add('/api/v1/destinations/:name/open', {
    post: { scope: 'admin', handle: [json, openDestination(deps)] },
  });
}

function listDestinations(deps: DestinationRoutesDeps): RequestHandler {
  return async (_request, response) => {
    const closedAt = await closingTimes(deps);
    const all = await deps.destinations.latest();
    response.json({
      destinations: all.map((set) => ({
        ...describeDestination(set),
        closedAt: closedAt.get(set.destination.name),
      })),
    } satisfies z.infer<typeof destinationListSchema>);
  };
}

function getDestination(deps: DestinationRoutesDeps): RequestHandler {
  return async (request, response) => {
    response.json(await shown(deps, String(request.params['name'])));
  };
}

function putDestination(deps: DestinationRoutesDeps): RequestHandler {
  return async (request, response) => {
    const name = parseRequest(destinationName, request.params['name']);
    refuseDeclared(deps, name);
    const checked = deps.checkDestination(name, request.body ?? {});
    const others = (await deps.destinations.latest()).map(({ destination }) => destination);
    const disagreeing = otherReport(checked.destination, others);
    if (disagreeing !== undefined) {
      throw new PipelineError('request-invalid', `report: ${disagreeing}`);
    }
    const done = await deps.destinationStore.put(checked, actorOf(response));
    audited(response, name);
    response.status(done === 'created' ? 201 : 200).json(await shown(deps, name));
  };
}

function deleteDestination(deps: DestinationRoutesDeps): RequestHandler {
  return async (request, response) => {
    const name = String(request.params['name']);
    refuseDeclared(deps, name);
    if (!(await deps.destinationStore.remove(name, actorOf(response)))) {
      throw notFound();
    }
    audited(response, name);
    // This process at once; the others within seconds.
    await deps.destinations.latest();
    response.status(204).end();
  };
}

function openDestination({ operations }: DestinationRoutesDeps): RequestHandler {
  return async (request, response) => {
    const destination = String(request.params['name']);
    if (!(await operations.openDestination(destination, operatorRequest(request, response)))) {
      throw new PipelineError('not-found', 'No destination of this name has said that it is gone.');
    }
    audited(response, destination);
    response.json({ opened: destination } satisfies z.infer<typeof openedSchema>);
  };
}

/** What the configuration says is changed there. */
function refuseDeclared({ destinations }: DestinationRoutesDeps, name: string): void {
  const declared = destinations.declared.find(({ destination }) => destination.name === name);
  if (declared !== undefined) {
    throw new PipelineError(
      'state-conflict',
      `The destination "${name}" ${belongsTo(declared)}, and is changed there alone.`,
    );
  }
}

function belongsTo({ source }: SetDestination): string {
  switch (source) {
    case 'file':
      return 'stands in the file of PREREAD_DESTINATIONS';
    case 'environment':
      return 'is that of PREREAD_WEBHOOK_URL';
    case 'api':
      return 'is that of the API';
    default:
      return assertNever(source);
  }
}

async function shown(
  deps: DestinationRoutesDeps,
  name: string,
): Promise<z.infer<typeof shownDestinationSchema>> {
  const all = await deps.destinations.latest();
  const set = all.find(({ destination }) => destination.name === name);
  if (set === undefined) {
    throw notFound();
  }
  return {
    ...describeDestination(set),
    closedAt: (await closingTimes(deps)).get(name),
    setAt: isoTimeIfKnown(set.setAtMs),
    definition: set.definition as Record<string, unknown> | undefined,
  };
}

async function closingTimes({
  operations,
}: DestinationRoutesDeps): Promise<ReadonlyMap<string, string>> {
  const closed = await operations.closedDestinations();
  return new Map(closed.map(({ destination, closedAtMs }) => [destination, isoTime(closedAtMs)]));
}

/** What may be shown to whoever reads results. */
export function describeDestination({ destination, source, problem }: SetDestination): Listed {
  const { name, kind, enabled, results, order, retry, concurrency, timeoutSeconds } = destination;
  return {
    name,
    kind,
    source,
    enabled,
    address:
      'url' in destination
        ? new URL(destination.url).origin
        : `${destination.host}:${destination.port}`,
    ...('calledAeTitle' in destination && { calledAeTitle: destination.calledAeTitle }),
    ...('objects' in destination && { objects: destination.objects }),
    results,
    order,
    ...(retry && { retryDelaysSeconds: retry.delaysSeconds }),
    concurrency,
    timeoutSeconds,
    ...(problem !== undefined && { problem }),
  };
}

function notFound(): PipelineError {
  return new PipelineError('not-found', 'There is no destination of this name.');
}

function audited(response: Response, destination: string): void {
  const { facts } = response.locals as RequestLocals;
  facts['audit'] = true;
  facts['destination'] = destination;
}
