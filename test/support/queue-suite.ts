import { randomUUID } from 'node:crypto';

import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';

import type { QueueBackendOptions } from '../../adapters/queue/backend.js';
import type { JobQueue, WorkOptions } from '../../core/jobs/job-queue.js';
import type { NewJob } from '../../core/jobs/jobs.js';
import { createTestQueue, newPrefix } from './queue-bed.js';
import type { QueuePlace } from './queue-bed.js';
export interface QueueBed {
  readonly backend: QueueBackendOptions;
  /** A place that no other test uses and that this process has not opened. */
  newPlace(): Promise<QueuePlace>;
  /** Where the queue has a server of its own. */
  readonly server?: {
    kill(): Promise<void>;
    restart(): Promise<void>;
    freeze?(): void;
    thaw?(): void;
  };
  close(): Promise<void>;
}

/** A queue under a name of its own for each test of a suite. */
export interface QueueSuite {
  readonly bed: QueueBed;
  readonly prefix: string;
  readonly queue: JobQueue;
  /** Works on `infer` and keeps what it gets. */
  collect(concurrency?: number): Promise<string[]>;
}

export function useQueueSuite(open: () => Promise<QueueBed>): QueueSuite {
  let bed: QueueBed;
  let prefix: string;
  let queue: JobQueue;

  beforeAll(async () => {
    bed = await open();
  });
  afterAll(() => bed.close());
  beforeEach(() => {
    prefix = newPrefix();
    queue = createTestQueue(bed.backend, prefix);
  });
  afterEach(() => queue.close());

  return {
    get bed() {
      return bed;
    },
    get prefix() {
      return prefix;
    },
    get queue() {
      return queue;
    },
    collect: (concurrency = 1) => collectInstances(queue, concurrency),
  };
}

/** Works on `infer` and keeps what it gets. */
export async function collectInstances(
  queue: JobQueue,
  concurrency: number,
  options: Pick<WorkOptions, 'takesHandedOver'> = {},
): Promise<string[]> {
  const seen: string[] = [];
  await queue.work(
    'infer',
    ({ instanceId }) => {
      seen.push(instanceId);
      return Promise.resolve();
    },
    { concurrency, ...options },
  );
  return seen;
}

export const nothing = { waiting: 0, active: 0, delayed: 0, failed: 0 };

interface InferJobOptions {
  readonly id?: string;
  readonly instanceId?: string;
  readonly priorityRank?: number;
  readonly notBeforeMs?: number;
}

export function inferJob(options: InferJobOptions = {}): Extract<NewJob, { name: 'infer' }> {
  const { notBeforeMs } = options;
  return {
    id: options.id ?? randomUUID(),
    name: 'infer',
    payload: { instanceId: options.instanceId ?? randomUUID() },
    priorityRank: options.priorityRank ?? 2,
    ...(notBeforeMs !== undefined && { notBeforeMs }),
  };
}
