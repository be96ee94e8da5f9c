import type { JobQueue } from '../../core/jobs/job-queue.js';
import type { JobName } from '../../core/jobs/jobs.js';
import type { Logger } from '../../core/log.js';
import type { OperationsStore } from '../../core/storage/operations-store.js';
import type { QuietSince, StudyStore } from '../../core/storage/study-store.js';
import type { Clock } from '../../core/time.js';

export interface JanitorDeps {
  readonly store: Pick<StudyStore, 'requeueUnfinished'>;
  readonly operations: Pick<OperationsStore, 'census'>;
  readonly queue: Pick<JobQueue, 'remembers' | 'remember' | 'promoteOverdue' | 'depth'>;
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

/** So many times as long must work be quiet that the queue seems to have. */
const PATIENCE = 12;

/**
 * Holds the queue against the database, at the start and from then on. A queue that has lost its memory gets
 * everything again that is unfinished. Besides, work that nobody works on any more (a process killed at the
 * wrong moment, a queue that lost its last second) is queued again when it was quiet for minutes. Something
 * may be queued that is only slow; handlers are idempotent. So that a queue that stands still for a night does not fill
 * with the same work, that is done seldom while it has as many jobs as there is to do.
 */
export function startJanitor(deps: JanitorDeps, options: JanitorOptions): { close(): void } {
  const { store, operations, queue, logger, clock } = deps;
  const watching = oneAtATime(watch);
  const sweeping = oneAtATime(sweep);
  const timers = [
    setInterval(() => void watching(), options.watchIntervalMs),
    setInterval(() => void sweeping(), options.sweepIntervalMs),
  ];
  timers.forEach((timer) => timer.unref());
  void watching().then(sweeping);
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

  async function quietSince(): Promise<QuietSince> {
    // Before and after: what is finished or begun in between must not look like a job that is missing.
    const before = [await jobsOf('infer'), await jobsOf('deliver')] as const;
    const { instances, deliveries, outbox } = await operations.census();
    const after = [await jobsOf('infer'), await jobsOf('deliver')] as const;
    const since = (toDo: number, ...jobs: readonly number[]): number => {
      const seemsWhole = Math.max(...jobs) + outbox.count >= toDo;
      return clock() - options.quietMs * (seemsWhole ? PATIENCE : 1);
    };
    return {
      infer: since(instances.received.count + instances.queued.count, before[0], after[0]),
      // An unfinished study has a job only when its images are finished: their numbers say nothing.
      assemble: clock() - options.quietMs,
      deliver: since(deliveries.pending.count, before[1], after[1]),
    };
  }

  /** More than any when the queue does not answer: then it is no time to give it more. */
  async function jobsOf(name: JobName): Promise<number> {
    return queue.depth(name).then(
      ({ waiting, active, delayed }) => waiting + active + delayed,
      () => Infinity,
    );
  }

  async function sweep(): Promise<void> {
    try {
      const requeued = await store.requeueUnfinished(await quietSince());
      if (requeued > 0) {
        logger.warn({ requeued }, 'unfinished work was queued again');
      }
    } catch (error) {
      logger.warn({ err: error }, 'the sweep for unfinished work failed and will be repeated');
    }
  }
}

/** Leaves a turn out while the last one lasts: of two sweeps, the second one would queue again what the first one just did. */
function oneAtATime(run: () => Promise<void>): () => Promise<void> {
  let running = false;
  return async () => {
    if (!running) {
      running = true;
      await run().finally(() => {
        running = false;
      });
    }
  };
}
