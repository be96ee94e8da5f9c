import { setTimeout as sleep } from 'node:timers/promises';

import { PipelineError } from '../../core/errors.js';

/**
 * Waits for the queue's server, but not for ever: what it does not answer in time, or answers with an
 * error, is `queue-unavailable`. The operation itself may still succeed later, which its callers must bear
 * (enqueueing is idempotent).
 */
export async function answering<T>(operation: Promise<T>, timeoutMs: number): Promise<T> {
  const timer = new AbortController();
  try {
    return await Promise.race([
      operation,
      sleep(timeoutMs, undefined, { signal: timer.signal }).then(() => {
        throw new Error(`no answer within ${timeoutMs} ms`);
      }),
    ]);
  } catch (error) {
    throw error instanceof PipelineError
      ? error
      : new PipelineError('queue-unavailable', undefined, { cause: error });
  } finally {
    timer.abort();
  }
}
