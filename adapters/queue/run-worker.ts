import { DelayedError, type Job } from 'bullmq';

import { toPipelineError } from '../../core/errors.js';
import type { JobHandler, JobRepeat, JobWorker, PoisonedJob } from '../../core/jobs/job-queue.js';
import type { JobName, JobPayload, NewJob } from '../../core/jobs/jobs.js';
import { JOBS } from '../../core/jobs/jobs.js';
import { RETRY_POLICIES, retryDelayMs } from '../../core/jobs/retry.js';
import type { Logger } from '../../core/log.js';
import type { Clock } from '../../core/time.js';
import { failedJobError, stackFrames } from './failed-job.js';
import { answering } from './queue-error.js';
import type { OnError, QueueBackend } from './queue-backend.js';

export interface RunWorkerDeps {
  readonly backend: QueueBackend;
  readonly logger: Logger;
  readonly random: () => number;
  readonly onError: OnError;
  readonly park?: (job: PoisonedJob) => Promise<void>;
  readonly clock: Clock;
}

export interface RunWorkerOptions {
  readonly queueName: string;
  readonly concurrency: number;
  readonly lockDurationMs: number;
  readonly stalledIntervalMs: number;
  readonly answerTimeoutMs: number;
}

export interface RunningWorker extends JobWorker {
  /** As the queue's `handOver`, of a job of this worker's name. */
  handOver(job: NewJob): Promise<JobRepeat | undefined> | undefined;
}

/** A job that has so often been left behind by a dying worker is suspected of killing it. */
const MAX_STALLED_COUNT = 5;
/** Every job is put into the queue with a rank; one without would be foreign. */
const LEAST_URGENT = 3;
/** So long may the last words to the queue's server take, once no handler runs any more. */
const CLOSE_GRACE_MS = 3_000;

/** Starts a worker; resolves when it takes jobs. */
export async function runWorker<N extends JobName>(
  deps: RunWorkerDeps,
  name: N,
  handler: JobHandler<N>,
  options: RunWorkerOptions,
): Promise<RunningWorker> {
  const policy = RETRY_POLICIES[name];
  const inHand = new Set<Promise<unknown>>();

  async function handle(job: Job<unknown>): Promise<JobRepeat | undefined> {
    const attempt = job.attemptsMade + 1;
    const lastAttempt = attempt >= policy.attempts || job.stalledCounter >= MAX_STALLED_COUNT;
    const priorityRank = job.opts.priority ?? LEAST_URGENT;
    let payload: Parameters<JobHandler<N>>[0] | undefined;
    try {
      // The schema of the name gives the payload of the name, which the compiler cannot follow.
      payload = JOBS[name].parse(job.data) as Parameters<JobHandler<N>>[0];
      const context = { attempt, lastAttempt, priorityRank, queuedAtMs: job.timestamp };
      return (await handler(payload, context)) ?? undefined;
    } catch (error) {
      const failed = failedJobError(error);
      deps.logger.warn(
        { job: name, jobId: job.id, attempt, reason: failed.message, frames: stackFrames(error) },
        'job failed',
      );
      const cause = toPipelineError(error);
      if (cause.failure === 'permanent' && payload !== undefined) {
        // When this fails, the job fails for a reason that passes, and comes back.
        await deps.park?.({ name, payload, error: cause, attempts: attempt });
      }
      throw failed;
    }
  }

  async function run(job: Job<unknown>, token: string | undefined): Promise<void> {
    const repeat = await handle(job);
    if (repeat !== undefined) {
      await job.moveToDelayed(Date.now() + repeat.repeatAfterMs, token);
      // BullMQ's word for: this job was moved, not done.
      throw new DelayedError();
    }
  }

  async function track<T>(running: Promise<T>): Promise<T> {
    inHand.add(running);
    return running.finally(() => inHand.delete(running));
  }

  async function attempt(job: NewJob): Promise<JobRepeat | undefined> {
    const context = {
      attempt: 1,
      // A job that fails here goes to the queue, which has its own attempts.
      lastAttempt: false,
      priorityRank: job.priorityRank,
      queuedAtMs: deps.clock(),
    };
    return (await handler(job.payload as JobPayload<N>, context)) ?? undefined;
  }

  const worker = deps.backend.createWorker(
    options.queueName,
    (job: Job<unknown>, token?: string) => track(run(job, token)),
    {
      concurrency: options.concurrency,
      lockDurationMs: options.lockDurationMs,
      stalledIntervalMs: options.stalledIntervalMs,
      maxStalledCount: MAX_STALLED_COUNT,
      retryDelayMs: (attemptsMade) => retryDelayMs(policy, attemptsMade, deps.random()),
    },
    {
      onError: deps.onError,
      onRefused(error) {
        const reason = error instanceof Error ? error.message : String(error);
        deps.logger.warn(
          { job: name, reason },
          'no job can be taken from the queue; asking every second',
        );
      },
      onServed() {
        deps.logger.info({ job: name }, 'jobs are taken from the queue again');
      },
    },
  );

  /** A server that is away is not waited for: what it did not hear, another worker does again. */
  async function closeWhenIdle(): Promise<void> {
    const closing = worker.close();
    do {
      await Promise.allSettled(inHand);
      await answering(closing, CLOSE_GRACE_MS).catch(deps.onError);
    } while (inHand.size > 0);
  }
  let closed: Promise<void> | undefined;
  const close = () => (closed ??= closeWhenIdle());

  try {
    await answering(worker.waitUntilReady(), options.answerTimeoutMs);
  } catch (error) {
    await close();
    throw error;
  }
  return {
    close,
    handOver: (job) =>
      closed === undefined && inHand.size < worker.concurrency ? track(attempt(job)) : undefined,
    resize(concurrency) {
      worker.concurrency = concurrency;
    },
  };
}
