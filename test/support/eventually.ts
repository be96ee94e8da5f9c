import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Repeats an attempt until it does not throw, for what comes true by itself within a time.
 * Throws the last error when it does not.
 */
export async function eventually<T>(
  attempt: () => T | Promise<T>,
  { timeoutMs = 30_000, intervalMs = 25 } = {},
): Promise<T> {
  const deadlineMs = Date.now() + timeoutMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > deadlineMs) {
        throw error;
      }
      await sleep(intervalMs);
    }
  }
}
