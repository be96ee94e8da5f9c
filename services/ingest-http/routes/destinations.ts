import type { RequestHandler } from 'express';
import { z } from 'zod';

import {
  DESTINATION_KINDS,
  RESULT_OBJECTS,
  resultFilterSchema,
  type Destination,
} from '../../../core/delivery/destination.js';
import type { OperationsStore } from '../../../core/storage/operations-store.js';
import { isoTime } from '../../../core/time.js';

export const listedDestinationSchema = z
  .object({
    name: z.string(),
    kind: z.enum(DESTINATION_KINDS),
    enabled: z.boolean(),
    address: z
      .string()
      .describe('Host and port, for URLs without path and query: those may be secret.'),
    calledAeTitle: z.string().optional().describe('Of kind dimse.'),
    objects: z.array(z.enum(RESULT_OBJECTS)).optional().describe('Of kinds dicomweb and dimse.'),
    results: resultFilterSchema.describe('Which results it gets.'),
    order: z.int().nonnegative(),
    retryDelaysSeconds: z
      .array(z.number())
      .optional()
      .describe('Absent: ten attempts over four days.'),
    concurrency: z.int().positive(),
    timeoutSeconds: z.number(),
    closedAt: z.iso
      .datetime()
      .optional()
      .describe('When it said that it is gone (410): it gets nothing until somebody opens it.'),
  })
  .meta({ id: 'ListedDestination' });

export const destinationListSchema = z
  .object({ destinations: z.array(listedDestinationSchema) })
  .meta({ id: 'DestinationList' });

/** The destinations of this process, without anything secret. */
export function listDestinations(
  destinations: readonly Destination[],
  operations: Pick<OperationsStore, 'closedDestinations'>,
): RequestHandler {
  return async (_request, response) => {
    const closed = new Map(
      (await operations.closedDestinations()).map((one) => [one.destination, one.closedAtMs]),
    );
    response.json({
      destinations: destinations.map((destination) => {
        const closedAtMs = closed.get(destination.name);
        return {
          ...describeDestination(destination),
          ...(closedAtMs !== undefined && { closedAt: isoTime(closedAtMs) }),
        };
      }),
    } satisfies z.infer<typeof destinationListSchema>);
  };
}

/** What may be shown of a destination. */
export function describeDestination(
  destination: Destination,
): z.infer<typeof listedDestinationSchema> {
  const { name, kind, enabled, results, order, retry, concurrency, timeoutSeconds } = destination;
  return {
    name,
    kind,
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
  };
}
