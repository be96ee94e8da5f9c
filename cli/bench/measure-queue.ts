import { randomUUID } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';

import { openDatabase } from '../../adapters/database/open-database.js';
import type { QueueBackendOptions } from '../../adapters/queue/backend.js';
import { createBullmqJobQueue } from '../../adapters/queue/bullmq-job-queue.js';
import type { JobQueue } from '../../core/jobs/job-queue.js';
import type { NewJob } from '../../core/jobs/jobs.js';
import { silentLogger } from '../../core/log.js';

/** Jobs that are added and done at each length. */
const SAMPLE = 400;
const ADDED_AT_ONCE = 200;
const CONCURRENCY = 8;
const TIMING = { lockDurationMs: 30_000, stalledIntervalMs: 30_000, answerTimeoutMs: 60_000 };

/** What one job costs while so many wait. */
export interface QueueCost {
  readonly waiting: number;
  readonly addMs: number;
  readonly doMs: number;
}

export interface BenchQueue {
  readonly queue: JobQueue;
  close(): Promise<void>;
}

/** A queue in a Redis, or in an embedded database below `folder`. */
export async function openBenchQueue(
  folder: string,
  redisUrl: string | undefined,
): Promise<BenchQueue> {
  const deps = { logger: silentLogger, clock: Date.now, random: Math.random };
  if (redisUrl !== undefined) {
    const queue = openQueue({ kind: 'redis', url: redisUrl });
    return { queue, close: () => queue.close() };
  }
  const database = await openDatabase(deps, { kind: 'embedded', dataFolder: folder });
  const queue = openQueue({ kind: 'postgres', pool: database.queuePool });
  return {
    queue,
    async close() {
      await queue.close();
      await database.close();
    },
  };

  function openQueue(backend: QueueBackendOptions): JobQueue {
    return createBullmqJobQueue(deps, { backend, prefix: 'bench', ...TIMING });
  }
}

/** At each length, the jobs are added to those that wait, and then as many of the oldest are done by one that does nothing. */
export async function* measureQueueCosts(
  queue: JobQueue,
  lengths: readonly number[],
): AsyncGenerator<QueueCost> {
  let waiting = 0;
  for (const length of lengths) {
    await add(queue, Math.max(0, length - waiting));
    const startMs = performance.now();
    await add(queue, SAMPLE);
    const addMs = (performance.now() - startMs) / SAMPLE;
    const { done, doMs } = await work(queue, SAMPLE);
    waiting = Math.max(waiting, length) + SAMPLE - done;
    yield { waiting: length, addMs, doMs };
  }
}

async function add(queue: JobQueue, count: number): Promise<void> {
  for (let left = count; left > 0; left -= ADDED_AT_ONCE) {
    await queue.enqueue(Array.from({ length: Math.min(left, ADDED_AT_ONCE) }, inferJob));
  }
}

/** The jobs that are in hand at the end are done too, so a few more are done than were asked for. */
async function work(queue: JobQueue, count: number): Promise<{ done: number; doMs: number }> {
  let done = 0;
  let startMs = 0;
  let endMs = 0;
  let onEnough: () => void = () => undefined;
  const enough = new Promise<void>((resolve) => {
    onEnough = resolve;
  });
  const worker = await queue.work(
    'infer',
    async () => {
      startMs ||= performance.now();
      await turn();
      done += 1;
      if (done === count) {
        endMs = performance.now();
        onEnough();
      }
    },
    { concurrency: CONCURRENCY },
  );
  await enough;
  await worker.close();
  return { done, doMs: (endMs - startMs) / count };
}

function inferJob(): NewJob {
  const instanceId = randomUUID();
  return { id: instanceId, name: 'infer', payload: { instanceId }, priorityRank: 3 };
}
