import { z } from 'zod';

import { JOB_NAMES } from '../../../core/jobs/jobs.js';
import { DEAD_LETTER_KINDS } from '../../../core/storage/operations-store.js';

const time = z.iso.datetime();

export const operatorRequestSchema = z
  .object({
    reason: z
      .string()
      .trim()
      .min(3)
      .max(200)
      .describe('Why; it stands in the audit log and in the next result. No patient data.'),
  })
  .meta({ id: 'OperatorRequest' });

export const reprocessedSchema = z
  .object({ instances: z.int().describe('Images that were queued again.') })
  .meta({ id: 'Reprocessed' });

export const deadLetterSchema = z
  .object({
    id: z.uuid(),
    kind: z
      .enum(DEAD_LETTER_KINDS)
      .describe(
        'delivery: given up. instance: its processing failed repeatedly. job: it fails for a reason ' +
          'that does not pass.',
      ),
    StudyInstanceUID: z.string().optional(),
    error: z.string(),
    attempts: z.int().optional(),
    since: time,
    destination: z.string().optional(),
    resultVersion: z.int().optional(),
    jobName: z.enum(JOB_NAMES as readonly [string, ...string[]]).optional(),
  })
  .meta({ id: 'DeadLetter' });

export const deadLetterListSchema = z
  .object({ deadLetters: z.array(deadLetterSchema).describe('Newest first.') })
  .meta({ id: 'DeadLetterList' });

export const replayedSchema = z.object({ replayed: z.uuid() }).meta({ id: 'Replayed' });

const backlogSchema = z
  .object({ count: z.int(), oldestAt: time.optional() })
  .meta({ id: 'Backlog' });

const depthSchema = z.object({
  waiting: z.int(),
  active: z.int(),
  delayed: z.int(),
  failed: z.int(),
});

export const statusSchema = z
  .object({
    instances: z.object({ received: backlogSchema, queued: backlogSchema }),
    studies: z.object({ analysing: backlogSchema }),
    deliveries: z.object({ pending: backlogSchema, dead: backlogSchema }),
    closedDestinations: z
      .array(z.object({ name: z.string(), since: time }))
      .describe('Those that have said that they are gone (410): they get nothing until opened.'),
    unreportedCommitments: backlogSchema.describe(
      'Storage commitment that archives were asked for and have not reported on, of the latest results.',
    ),
    outbox: backlogSchema,
    failedInstances: backlogSchema.describe(
      'Images whose processing failed repeatedly; dead letters until they are replayed.',
    ),
    parkedJobs: backlogSchema,
    queues: z.array(
      z.object({
        name: z.string(),
        depth: depthSchema.optional().describe('Absent when the queue does not answer.'),
      }),
    ),
    freeBytes: z.number().describe('Room that the file system of the images has left.'),
  })
  .meta({ id: 'Status' });
