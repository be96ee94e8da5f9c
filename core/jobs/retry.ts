import type { JobName } from './jobs.js';

export interface RetryPolicy {
  /** Attempts in all, the first included. */
  readonly attempts: number;
  /** Delay before attempt 2, doubled from then on. */
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
}

/**
 * Retries of the queue itself. They bridge trouble around a job (a database restart, a killed inference
 * process). Deliveries keep their own schedule in the database (core/delivery/schedule.ts), so that a
 * receiver that is down for a day does not depend on a queue's memory.
 */
export const RETRY_POLICIES: Readonly<Record<JobName, RetryPolicy>> = {
  infer: { attempts: 3, firstDelayMs: 1_000, maxDelayMs: 30_000 },
  assemble: { attempts: 8, firstDelayMs: 500, maxDelayMs: 30_000 },
  deliver: { attempts: 8, firstDelayMs: 500, maxDelayMs: 30_000 },
};

/**
 * Delay before the next attempt: exponential with full jitter in the upper half, so that jobs that
 * failed together do not return together.
 *
 * @param attempt number of the attempt that just failed, from 1
 * @param random uniform in [0, 1)
 */
export function retryDelayMs(policy: RetryPolicy, attempt: number, random: number): number {
  const ceiling = Math.min(policy.maxDelayMs, policy.firstDelayMs * 2 ** (attempt - 1));
  return Math.round(ceiling * (0.5 + random / 2));
}
