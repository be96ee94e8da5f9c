import type { Logger } from '../../core/log.js';
import type { ObjectStore } from '../../core/storage/object-store.js';
import type { OperationsStore } from '../../core/storage/operations-store.js';
import type { Clock } from '../../core/time.js';

export interface RetentionDeps {
  readonly objects: Pick<ObjectStore, 'remove' | 'freeBytes'>;
  readonly operations: Pick<OperationsStore, 'purge'>;
  readonly logger: Logger;
  readonly clock: Clock;
}

export interface RetentionOptions {
  /** Images of finished studies go after so many days; undefined keeps them. */
  readonly retentionDays: number | undefined;
  /** While less is free, the oldest finished studies go; 0 never does that. */
  readonly purgeBelowFreeBytes: number;
  readonly intervalMs: number;
}

export interface Retention {
  /** Waits for the round in hand. Idempotent. */
  close(): Promise<void>;
}

const DAY_MS = 86_400_000;
const BATCH_STUDIES = 20;
/** Of a full disk, nothing goes that is younger: somebody may be about to look at it. */
const MIN_AGE_MS = 3_600_000;

/**
 * Removes the bytes of images that have done their duty; outcomes and results stay. Rows are marked first:
 * what a death between the two leaves behind is removed at the next start.
 */
export function startRetention(deps: RetentionDeps, options: RetentionOptions): Retention {
  const { objects, operations, logger, clock } = deps;
  const closing = new AbortController();
  let working: Promise<void> | undefined;

  /** Whether there may be more. */
  async function purgeBatch(storedBeforeMs: number, reason: string): Promise<boolean> {
    const purged = await operations.purge({ storedBeforeMs, limit: BATCH_STUDIES }, reason);
    for (const key of purged.objectKeys) {
      await objects.remove(key);
    }
    if (purged.studies > 0) {
      const facts = { audit: true, reason, studies: purged.studies };
      logger.info({ ...facts, objects: purged.objectKeys.length }, 'images were purged');
    }
    return purged.studies > 0;
  }

  async function round(): Promise<void> {
    const { retentionDays, purgeBelowFreeBytes } = options;
    const mayGoOn = (): boolean => !closing.signal.aborted;
    if (retentionDays !== undefined) {
      while (mayGoOn() && (await purgeBatch(clock() - retentionDays * DAY_MS, 'age')));
    }
    while (
      mayGoOn() &&
      (await objects.freeBytes()) < purgeBelowFreeBytes &&
      (await purgeBatch(clock() - MIN_AGE_MS, 'disk'))
    );
  }

  function start(): void {
    working ??= round()
      .catch((error: unknown) => {
        logger.warn({ err: error }, 'images could not be purged');
      })
      .finally(() => {
        working = undefined;
      });
  }
  const timer = setInterval(start, options.intervalMs);
  timer.unref();
  start();
  return {
    async close() {
      clearInterval(timer);
      closing.abort();
      await working;
    },
  };
}
