import express from 'express';
import type { Request, RequestHandler } from 'express';
import { z } from 'zod';

import { parseUid } from '../../../core/dicom/uid.js';
import { PipelineError } from '../../../core/errors.js';
import { JOB_NAMES } from '../../../core/jobs/jobs.js';
import type { JobQueue } from '../../../core/jobs/job-queue.js';
import {
  DEAD_LETTER_KINDS,
  type Backlog,
  type DeadLetter,
  type OperationsStore,
} from '../../../core/storage/operations-store.js';
import type { ObjectStore } from '../../../core/storage/object-store.js';
import { isoTime, isoTimeIfKnown } from '../../../core/time.js';
import { parseRequest } from '../http/parse-request.js';
import type { RequestLocals } from '../http/request-log.js';
import type { AddResource } from '../http/resource.js';
import { addDeliveryRoutes } from './deliveries.js';
import { addDestinationRoutes, type DestinationRoutesDeps } from './destinations.js';
import { operatorRequest } from './operator-request.js';
import type {
  deadLetterListSchema,
  deadLetterSchema,
  replayedSchema,
  reprocessedSchema,
  statusSchema,
} from './operations-schemas.js';

export interface OperationsRoutesDeps extends DestinationRoutesDeps {
  readonly operations: OperationsStore;
  readonly queue: Pick<JobQueue, 'depth'>;
  readonly objects: Pick<ObjectStore, 'freeBytes'>;
}

const listQuerySchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(1_000).default(100),
  kind: z.enum(DEAD_LETTER_KINDS).optional(),
  destination: z.string().min(1).optional(),
});

/** For whoever operates the pipeline. */
export function addOperationsRoutes(add: AddResource, deps: OperationsRoutesDeps): void {
  const { operations } = deps;
  const json = express.json({ limit: '16kb' });
  addDeliveryRoutes(add, operations);
  addDestinationRoutes(add, deps);
  add('/api/v1/status', { get: { scope: 'read', handle: getStatus(deps) } });
  add('/api/v1/studies/:StudyInstanceUID/reprocess', {
    post: { scope: 'admin', handle: [json, reprocessStudy(operations)] },
  });
  add('/api/v1/dead-letters', { get: { scope: 'admin', handle: listDeadLetters(operations) } });
  add('/api/v1/dead-letters/:id', { get: { scope: 'admin', handle: getDeadLetter(operations) } });
  add('/api/v1/dead-letters/:id/replay', {
    post: { scope: 'admin', handle: [json, replayDeadLetter(operations)] },
  });
}

function getStatus({ operations, queue, objects }: OperationsRoutesDeps): RequestHandler {
  return async (_request, response) => {
    const [census, closed, freeBytes, ...depths] = await Promise.all([
      operations.census(),
      operations.closedDestinations(),
      objects.freeBytes(),
      // A queue that is away takes nothing from what the database knows.
      ...JOB_NAMES.map((name) => queue.depth(name).catch(() => undefined)),
    ]);
    response.json({
      instances: {
        received: backlogToJson(census.instances.received),
        queued: backlogToJson(census.instances.queued),
      },
      studies: { analysing: backlogToJson(census.studies.analysing) },
      deliveries: {
        pending: backlogToJson(census.deliveries.pending),
        dead: backlogToJson(census.deliveries.dead),
      },
      closedDestinations: closed.map(({ destination, closedAtMs }) => ({
        name: destination,
        since: isoTime(closedAtMs),
      })),
      unreportedCommitments: backlogToJson(census.unreportedCommitments),
      outbox: backlogToJson(census.outbox),
      failedInstances: backlogToJson(census.failedInstances),
      parkedJobs: backlogToJson(census.parkedJobs),
      queues: JOB_NAMES.map((name, index) => ({ name, depth: depths[index] })),
      freeBytes,
    } satisfies z.infer<typeof statusSchema>);
  };
}

function reprocessStudy(operations: OperationsStore): RequestHandler {
  return async (request, response) => {
    const StudyInstanceUID = parseUid(String(request.params['StudyInstanceUID']));
    const asked = operatorRequest(request, response);
    const done = StudyInstanceUID && (await operations.reprocess(StudyInstanceUID, asked));
    switch (done?.kind) {
      case 'requested':
        (response.locals as RequestLocals).facts['audit'] = true;
        (response.locals as RequestLocals).facts['studyId'] = done.studyId;
        response
          .status(202)
          .json({ instances: done.instances } satisfies z.infer<typeof reprocessedSchema>);
        return;
      case 'analysing':
        throw new PipelineError('state-conflict', 'The study is still being analysed.');
      case 'purged':
        throw new PipelineError(
          'state-conflict',
          'Images of the study were removed by the retention rules. Send them again first.',
        );
      case 'not-found':
      case undefined:
        throw new PipelineError('not-found', 'No such study has been received.');
    }
  };
}

function listDeadLetters(operations: OperationsStore): RequestHandler {
  return async (request, response) => {
    const found = await operations.listDeadLetters(parseRequest(listQuerySchema, request.query));
    response.json({ deadLetters: found.map(deadLetterToJson) } satisfies z.infer<
      typeof deadLetterListSchema
    >);
  };
}

function getDeadLetter(operations: OperationsStore): RequestHandler {
  return async (request, response) => {
    const found = await operations.findDeadLetter(deadLetterId(request));
    if (found === undefined) {
      throw new PipelineError('not-found', 'There is no such dead letter (any more).');
    }
    response.json(deadLetterToJson(found));
  };
}

function replayDeadLetter(operations: OperationsStore): RequestHandler {
  return async (request, response) => {
    const id = deadLetterId(request);
    if (!(await operations.replayDeadLetter(id, operatorRequest(request, response)))) {
      throw new PipelineError('not-found', 'There is no such dead letter that can be replayed.');
    }
    (response.locals as RequestLocals).facts['audit'] = true;
    response.status(202).json({ replayed: id } satisfies z.infer<typeof replayedSchema>);
  };
}

function deadLetterId(request: Request): string {
  const parsed = z.uuid().safeParse(request.params['id']);
  if (!parsed.success) {
    throw new PipelineError('not-found', 'There is no such dead letter.');
  }
  return parsed.data;
}

function deadLetterToJson({
  sinceMs,
  ...deadLetter
}: DeadLetter): z.infer<typeof deadLetterSchema> {
  return { ...deadLetter, since: isoTime(sinceMs) };
}

function backlogToJson({ count, oldestAtMs }: Backlog) {
  return { count, oldestAt: isoTimeIfKnown(oldestAtMs) };
}
