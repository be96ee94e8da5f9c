import type { JobsOptions } from 'bullmq';

import type { JobName } from '../../core/jobs/jobs.js';
import { RETRY_POLICIES } from '../../core/jobs/retry.js';

/** Completed jobs stay for a while, so that the same job is not taken again when a relay repeats itself. */
const KEEP_COMPLETED_S = 600;
/** Failed jobs stay for inspection. By age: the PostgreSQL backend counts them all to keep a number. */
const KEEP_FAILED_S = 30 * 86_400;

/** What all jobs of a name have in common. */
export function commonJobOptions(name: JobName): JobsOptions & { readonly attempts: number } {
  return {
    attempts: RETRY_POLICIES[name].attempts,
    backoff: { type: 'policy' },
    removeOnComplete: { age: KEEP_COMPLETED_S },
    removeOnFail: { age: KEEP_FAILED_S },
    stackTraceLimit: 1,
  };
}

export function queueName(prefix: string, name: JobName): string {
  return `${prefix}-${name}`;
}
