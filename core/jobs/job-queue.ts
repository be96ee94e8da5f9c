import type { JobName, JobPayload, NewJob } from './jobs.js';

export interface JobContext {
  /** 1 for the first attempt. */
  readonly attempt: number;
  /** No further attempt follows by itself when this one throws. */
  readonly lastAttempt: boolean;
}

/** The job is to come again after a while, and this run does not count as an attempt. */
export interface JobRepeat {
  readonly repeatAfterMs: number;
}

/**
 * Throwing a PipelineError decides what follows: `permanent` parks the job at once, anything else is
 * retried by the job's policy (core/jobs/retry.ts).
 */
export type JobHandler<N extends JobName> = (
  payload: JobPayload<N>,
  context: JobContext,
  // Most handlers say nothing at their end.
  // eslint-disable-next-line @typescript-eslint/no-invalid-void-type
) => Promise<JobRepeat | undefined | void>;

export interface JobWorker {
  /** Waits for the jobs in hand. Idempotent. */
  close(): Promise<void>;
}

export interface QueueDepth {
  readonly waiting: number;
  readonly active: number;
  readonly delayed: number;
  readonly failed: number;
}

/** The queue's port: at least once, urgent first, delayed jobs, idempotent by job id. */
export interface JobQueue {
  /** Resolves when the jobs are durably in the queue. A job whose id is known already is left alone. */
  enqueue(jobs: readonly NewJob[]): Promise<void>;
  /** Resolves when the worker takes jobs. */
  work<N extends JobName>(
    name: N,
    handler: JobHandler<N>,
    options: { readonly concurrency: number },
  ): Promise<JobWorker>;
  depth(name: JobName): Promise<QueueDepth>;
  /** Throws `queue-unavailable` when the queue does not answer. */
  ping(): Promise<void>;
  /** Closes workers first, then connections. Idempotent. */
  close(): Promise<void>;
}
