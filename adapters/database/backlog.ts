import type pg from 'pg';

import { PipelineError } from '../../core/errors.js';
import type { Clock } from '../../core/time.js';
import { querying } from './database-error.js';

/** Counting is cheap (an index of what is unfinished) and still not done for every object. */
const COUNT_HOLDS_MS = 2_000;

/**
 * Turns objects away while more instances than the limit wait for their outcome: the sender then waits
 * instead of us, with its own copy in safety.
 *
 * @returns a check that throws `overloaded` or `database-unavailable`
 */
export function createBacklogCheck(
  deps: { readonly pool: pg.Pool; readonly clock: Clock },
  maxWaiting: number,
): () => Promise<void> {
  let countedAtMs = -Infinity;
  let isFull = false;
  return async () => {
    const nowMs = deps.clock();
    if (nowMs - countedAtMs > COUNT_HOLDS_MS) {
      const { rows } = await querying(() =>
        deps.pool.query<{ waiting: string }>(
          'SELECT count(*) AS waiting FROM (SELECT 1 FROM instances WHERE outcome IS NULL LIMIT $1) AS unfinished',
          [maxWaiting],
        ),
      );
      countedAtMs = nowMs;
      isFull = Number(rows[0]?.waiting) >= maxWaiting;
    }
    if (isFull) {
      const message = 'Too many images wait for analysis.';
      throw new PipelineError('overloaded', message, { context: { maxWaiting } });
    }
  };
}
