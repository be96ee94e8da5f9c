import type { JobQueue } from '../../core/jobs/job-queue.js';
import type { Logger } from '../../core/log.js';
import type { StudyStore } from '../../core/storage/study-store.js';
import type { Clock } from '../../core/time.js';

export interface JanitorDeps {
  readonly store: Pick<StudyStore, 'requeueUnfinished'>;
  readonly queue: Pick<JobQueue, 'remembers' | 'remember' | 'promoteOverdue'>;
  readonly logger: Logger;
  readonly clock: Clock;
}

export interface JanitorOptions {
  /** How often the queue is asked whether it still has its memory. */
  readonly watchIntervalMs: number;
  readonly sweepIntervalMs: number;
  /** What has been quiet for this long is taken for forgotten. */
  readonly quietMs: number;
  /** An image that has waited for so long gets its share of the workers. */
  readonly fairWaitMs: number;
}

/**
 * Holds the queue against the database, at the start and from then on. A queue that has lost its memory gets
 * everything again that is unfinished. Besides, work that nobody works on any more (a process killed at the
 * wrong moment, a queue that lost its last second) is queued again when it was quiet for minutes. Something
 * may be queued that is only slow; handlers are idempotent.
 */
export function startJanitor(deps: JanitorDeps, options: JanitorOptions): { close(): void } {
  const { store, queue, logger, clock } = deps;
  const timers = [
    setInterval(() => void watch(), options.watchIntervalMs),
    setInterval(() => void sweep(), options.sweepIntervalMs),
  ];
  timers.forEach((timer) => timer.unref());
  void watch().then(sweep);
  return {
    close: () => {
      timers.forEach(clearInterval);
    },
  };

  async function watch(): Promise<void> {
    try {
      if (!(await queue.remembers())) {
        const requeued = await store.requeueUnfinished(clock());
        // Only now: whoever dies before this leaves the work to the next one.
        await queue.remember();
        if (requeued > 0) {
          logger.warn({ requeued }, 'the queue had lost its memory and was filled again');
        }
      }
      await queue.promoteOverdue('infer', options.fairWaitMs);
    } catch (error) {
      logger.debug({ err: error }, 'the queue could not be held against the database');
    }
  }

  async function sweep(): Promise<void> {
    try {
      const requeued = await store.requeueUnfinished(clock() - options.quietMs);
      if (requeued > 0) {
        logger.warn({ requeued }, 'unfinished work was queued again');
      }
    } catch (error) {
      logger.warn({ err: error }, 'the sweep for unfinished work failed and will be repeated');
    }
  }
}
