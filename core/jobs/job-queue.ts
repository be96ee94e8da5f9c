import type { PipelineError } from '../errors.js';
import type { JobName, JobPayload, NewJob } from './jobs.js';

export interface JobContext {
  /** 1 for the first attempt. */
  readonly attempt: number;
  /** No further attempt follows by itself when this one throws. */
  readonly lastAttempt: boolean;
  /** Of the job, as it was put into the queue. */
  readonly priorityRank: number;
  /** When it was put into the queue, epoch ms. */
  readonly queuedAtMs: number;
}

/** The job is to come again after a while, and this run does not count as an attempt. */
export interface JobRepeat {
  readonly repeatAfterMs: number;
}

/** A job that fails for a reason that does not pass, as it is handed to whoever keeps such jobs. */
export interface PoisonedJob {
  readonly name: JobName;
  readonly payload: JobPayload<JobName>;
  readonly error: PipelineError;
  readonly attempts: number;
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

export interface WorkOptions {
  readonly concurrency: number;
  /** Also takes jobs that are handed over in this process, without the queue. */
  readonly takesHandedOver?: boolean;
}

export interface JobWorker {
  /** Works on so many jobs at the same time from the next end of a job on. */
  resize(concurrency: number): void;
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
    options: WorkOptions,
  ): Promise<JobWorker>;
  /**
   * One attempt at a job that is in no queue, by a worker of this process; undefined when none that takes such jobs has
   * room. Rejects as the handler does: whatever then becomes of the job is the caller's matter.
   */
  handOver(job: NewJob): Promise<JobRepeat | undefined> | undefined;
  depth(name: JobName): Promise<QueueDepth>;
  /**
   * Moves some of the jobs that have waited longer than this before the more urgent ones, so that a flood of
   * these starves nobody. As many at most as are being worked on; none while some of the last ones wait.
   * Returns how many.
   */
  promoteOverdue(name: JobName, waitedMs: number): Promise<number>;
  /**
   * False when the queue has lost what it had (a Redis that was emptied, or came back without its data), and
   * for a new queue. From `remember` on it is true until that happens again.
   */
  remembers(): Promise<boolean>;
  remember(): Promise<void>;
  /** Throws `queue-unavailable` when the queue does not answer. */
  ping(): Promise<void>;
  /** Closes workers first, then connections. Idempotent. */
  close(): Promise<void>;
}
