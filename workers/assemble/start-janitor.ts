import type { Logger } from '../../core/log.js';
import type { StudyStore } from '../../core/storage/study-store.js';
import type { Clock } from '../../core/time.js';

export interface JanitorDeps {
  readonly store: Pick<StudyStore, 'requeueUnfinished'>;
  readonly logger: Logger;
  readonly clock: Clock;
}

export interface JanitorOptions {
  readonly intervalMs: number;
  /** What has been quiet for this long is taken for forgotten. */
  readonly quietMs: number;
}

/**
 * Finds work that nobody works on any more (a queue that lost its memory, a process killed at the wrong
 * moment) and queues it again. It may queue something that is only slow; handlers are idempotent.
 */
export function startJanitor(deps: JanitorDeps, options: JanitorOptions): { close(): void } {
  const timer = setInterval(() => void sweep(), options.intervalMs);
  timer.unref();
  return {
    close: () => {
      clearInterval(timer);
    },
  };

  async function sweep(): Promise<void> {
    try {
      const requeued = await deps.store.requeueUnfinished(deps.clock() - options.quietMs);
      if (requeued > 0) {
        deps.logger.warn({ requeued }, 'unfinished work was queued again');
      }
    } catch (error) {
      deps.logger.warn({ err: error }, 'the sweep for unfinished work failed and will be repeated');
    }
  }
}
