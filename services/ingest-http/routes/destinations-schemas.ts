import { z } from 'zod';

import { referenceSchema } from '../../../adapters/destinations/read-secret.js';
import {
  DESTINATION_KINDS,
  destinationName,
  destinationSchema,
  RESULT_OBJECTS,
  resultFilterSchema,
} from '../../../core/delivery/destination.js';
import { DESTINATION_SOURCES } from '../../../core/delivery/destinations.js';

export const listedDestinationSchema = z
  .object({
    name: z.string(),
    kind: z.enum(DESTINATION_KINDS),
    source: z
      .enum(DESTINATION_SOURCES)
      .describe('Who alone changes it: the file, the environment (PREREAD_WEBHOOK_URL), the API.'),
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
    problem: z
      .string()
      .optional()
      .describe('Why the process that answers cannot send to it, as a secret that is missing.'),
  })
  .meta({ id: 'ListedDestination' });

export const destinationListSchema = z
  .object({ destinations: z.array(listedDestinationSchema) })
  .meta({ id: 'DestinationList' });

export const shownDestinationSchema = listedDestinationSchema
  .extend({
    setAt: z.iso.datetime().optional().describe('Of source api.'),
    definition: z
      .record(z.string(), z.unknown())
      .optional()
      .describe('Of source api: as it was put. Secrets are references.'),
  })
  .meta({ id: 'ShownDestination' });

/** For the description alone: what checks it knows the name and which references are allowed. */
export const putDestinationSchema = destinationSchema(
  referenceSchema(),
  destinationName.optional().transform((name) => name ?? ''),
).meta({ id: 'PutDestination' });

export const openedSchema = z
  .object({ opened: z.string().describe('Name of the destination.') })
  .meta({ id: 'OpenedDestination' });
