import type { Job, JobsOptions } from 'bullmq';

import type { JobHandler, JobQueue, JobWorker } from '../../core/jobs/job-queue.js';
import type { JobName, NewJob } from '../../core/jobs/jobs.js';
import { JOB_NAMES, JOBS } from '../../core/jobs/jobs.js';
import { RETRY_POLICIES, retryDelayMs } from '../../core/jobs/retry.js';
import type { Logger } from '../../core/log.js';
import type { Clock } from '../../core/time.js';
import type { BullQueue, BullWorker, QueueBackendOptions } from './backend.js';
import { createQueueBackend } from './backend.js';
import { failedJobError, stackFrames } from './failed-job.js';
import { answering } from './queue-error.js';
import { rememberSuccess } from './remember-success.js';

export interface JobQueueDeps {
  readonly logger: Logger;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

export interface JobQueueOptions {
  readonly backend: QueueBackendOptions;
  /** Start of the queues' names. */
  readonly prefix: string;
  /**
   * A job whose worker has died, or has not reported for so long, goes back to the queue at the second
   * look after that. A worker's process must never block for so long.
   */
  readonly lockDurationMs?: number;
  /** Pause between those looks. */
  readonly stalledIntervalMs?: number;
  /** So long may the queue's server take to answer. */
  readonly answerTimeoutMs?: number;
}

/** A job that has so often been left behind by a dying worker is suspected of killing it. */
const MAX_STALLED_COUNT = 5;

/** Completed jobs stay for a while, so that the same job is not taken again when a relay repeats itself. */
const KEEP_COMPLETED_S = 600;
/** Failed jobs stay for inspection. By age: the PostgreSQL backend counts them all to keep a number. */
const KEEP_FAILED_S = 30 * 86_400;

/**
 * From so many on jobs are added together. BullMQ's PostgreSQL functions make temporary tables for that,
 * which costs as much as ten jobs added one by one.
 */
const MIN_BULK = 8;

interface BullJob {
  readonly name: JobName;
  readonly data: NewJob['payload'];
  readonly opts: JobsOptions;
}

/** The job queue on BullMQ. Connects when first used, and again after a loss. */
export function createBullmqJobQueue(deps: JobQueueDeps, options: JobQueueOptions): JobQueue {
  const { logger, clock, random } = deps;
  const { lockDurationMs = 15_000, stalledIntervalMs = 5_000, answerTimeoutMs = 5_000 } = options;
  const backend = createQueueBackend(options.backend);
  const prepare = rememberSuccess(() => backend.prepare());
  const workers = new Set<BullWorker>();
  const queues: Readonly<Record<JobName, () => Promise<BullQueue>>> = {
    infer: rememberSuccess(() => openQueue('infer')),
    assemble: rememberSuccess(() => openQueue('assemble')),
    deliver: rememberSuccess(() => openQueue('deliver')),
  };
  const opened = new Set<BullQueue>();

  const queueName = (name: JobName): string => `${options.prefix}-${name}`;
  const logLoss = (error: Error): void => {
    logger.debug({ reason: error.message }, 'the queue does not answer');
  };

  async function openQueue(name: JobName): Promise<BullQueue> {
    await prepare();
    const queue = backend.createQueue(queueName(name), logLoss);
    opened.add(queue);
    try {
      await queue.waitUntilReady();
      return queue;
    } catch (error) {
      opened.delete(queue);
      await queue.close();
      throw error;
    }
  }

  function bullJob(job: NewJob): BullJob {
    const { attempts } = RETRY_POLICIES[job.name];
    const opts: JobsOptions = {
      jobId: job.id,
      priority: job.priorityRank,
      delay: Math.max(0, (job.notBeforeMs ?? 0) - clock()),
      attempts,
      backoff: { type: 'policy' },
      removeOnComplete: { age: KEEP_COMPLETED_S },
      removeOnFail: { age: KEEP_FAILED_S },
      stackTraceLimit: 1,
    };
    return { name: job.name, data: job.payload, opts };
  }

  async function run<N extends JobName>(
    name: N,
    handler: JobHandler<N>,
    job: Job<unknown>,
  ): Promise<void> {
    const attempt = job.attemptsMade + 1;
    const lastAttempt =
      attempt >= RETRY_POLICIES[name].attempts || job.stalledCounter >= MAX_STALLED_COUNT;
    try {
      // The schema of the name gives the payload of the name, which the compiler cannot follow.
      const payload = JOBS[name].parse(job.data) as Parameters<JobHandler<N>>[0];
      await handler(payload, { attempt, lastAttempt });
    } catch (error) {
      const failed = failedJobError(error);
      logger.warn(
        { job: name, jobId: job.id, attempt, reason: failed.message, frames: stackFrames(error) },
        'job failed',
      );
      throw failed;
    }
  }

  async function work<N extends JobName>(
    name: N,
    handler: JobHandler<N>,
    { concurrency }: { readonly concurrency: number },
  ): Promise<JobWorker> {
    await answering(prepare(), answerTimeoutMs);
    const policy = RETRY_POLICIES[name];
    const settings = {
      concurrency,
      lockDurationMs,
      stalledIntervalMs,
      maxStalledCount: MAX_STALLED_COUNT,
      retryDelayMs: (attemptsMade: number) => retryDelayMs(policy, attemptsMade, random()),
    };
    const process = (job: Job<unknown>) => run(name, handler, job);
    const worker = backend.createWorker(queueName(name), process, settings, logLoss);
    workers.add(worker);
    const close = async (force = false): Promise<void> => {
      workers.delete(worker);
      await worker.close(force);
    };
    try {
      await answering(worker.waitUntilReady(), answerTimeoutMs);
    } catch (error) {
      await close(true);
      throw error;
    }
    return { close: () => close() };
  }

  async function depth(name: JobName) {
    const counts = await answering(
      queues[name]().then((queue) =>
        queue.getJobCounts('wait', 'prioritized', 'active', 'delayed', 'failed'),
      ),
      answerTimeoutMs,
    );
    return {
      waiting: (counts['wait'] ?? 0) + (counts['prioritized'] ?? 0),
      active: counts['active'] ?? 0,
      delayed: counts['delayed'] ?? 0,
      failed: counts['failed'] ?? 0,
    };
  }

  async function closeAll(): Promise<void> {
    await Promise.all([...workers].map((worker) => worker.close()));
    await Promise.all([...opened].map((queue) => queue.close()));
  }
  let closed: Promise<void> | undefined;

  return {
    async enqueue(jobs) {
      const added = JOB_NAMES.map(async (name) => {
        const ofName = jobs.filter((job) => job.name === name);
        if (ofName.length > 0) {
          await add(await queues[name](), ofName.map(bullJob));
        }
      });
      await answering(Promise.all(added), answerTimeoutMs);
    },
    work,
    depth,
    async ping() {
      await depth('infer');
    },
    close: () => (closed ??= closeAll()),
  };
}

async function add(queue: BullQueue, jobs: readonly BullJob[]): Promise<void> {
  if (jobs.length >= MIN_BULK) {
    await queue.addBulk([...jobs]);
    return;
  }
  // One after the other: their order is that in which they will be served.
  for (const { name, data, opts } of jobs) {
    await queue.add(name, data, opts);
  }
}
