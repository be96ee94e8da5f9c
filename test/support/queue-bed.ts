import { randomUUID } from 'node:crypto';

import { openDatabase } from '../../adapters/database/open-database.js';
import type { DatabaseOptions } from '../../adapters/database/open-database.js';
import type { QueueBackendOptions } from '../../adapters/queue/backend.js';
import { createBullmqJobQueue, type JobQueueDeps } from '../../adapters/queue/bullmq-job-queue.js';
import type { JobQueue } from '../../core/jobs/job-queue.js';
import type { Logger } from '../../core/log.js';
import { silentLogger } from '../../core/log.js';

/** Where a queue is kept, in words that can be handed to another process. */
export type QueuePlace =
  | { readonly kind: 'redis'; readonly url: string }
  | { readonly kind: 'database'; readonly options: DatabaseOptions };

export interface OpenQueue {
  readonly queue: JobQueue;
  /** Closes the queue, and the database where it was opened for it. */
  readonly close: () => Promise<void>;
}

/** Short enough for a test to see a job come back. */
const TIMING = { lockDurationMs: 2_000, stalledIntervalMs: 500, answerTimeoutMs: 5_000 };

export function newPrefix(): string {
  return `test-${randomUUID()}`;
}

export function createTestQueue(
  backend: QueueBackendOptions,
  prefix: string,
  { logger = silentLogger, park }: { logger?: Logger; park?: JobQueueDeps['park'] } = {},
): JobQueue {
  const deps = { logger, clock: Date.now, random: () => 0, ...(park && { park }) };
  return createBullmqJobQueue(deps, { backend, prefix, ...TIMING });
}

export async function openQueueAt(place: QueuePlace, prefix: string): Promise<OpenQueue> {
  if (place.kind === 'redis') {
    const queue = createTestQueue(place, prefix);
    return { queue, close: () => queue.close() };
  }
  const deps = { logger: silentLogger, clock: Date.now };
  const database = await openDatabase(deps, place.options);
  const queue = createTestQueue({ kind: 'postgres', pool: database.queuePool }, prefix);
  return {
    queue,
    async close() {
      await queue.close();
      await database.close();
    },
  };
}
