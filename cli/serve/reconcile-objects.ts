import { setTimeout as sleep } from 'node:timers/promises';

import { toPipelineError, type PipelineError } from '../../core/errors.js';
import type { Logger } from '../../core/log.js';
import type { ObjectStore } from '../../core/storage/object-store.js';
import type { OperationsStore } from '../../core/storage/operations-store.js';
import type { StudyStore } from '../../core/storage/study-store.js';
import { ingestInstance, type IngestInstanceDeps } from '../../core/use-cases/ingest-instance.js';

export type ReconcileDeps = IngestInstanceDeps & {
  readonly objects: ObjectStore;
  readonly studies: Pick<StudyStore, 'recordInstance' | 'unknownObjectKeys'>;
  readonly operations: Pick<OperationsStore, 'purgedObjectKeys'>;
  readonly logger: Logger;
};

const BATCH = 500;
/** Before the next try, and so many times as long as the one before took: an archive has millions of files. */
const RETRY_MS = 60_000;
const REST_AFTER_TRY = 9;

interface Counts {
  takenIn: number;
  removed: number;
  failed: number;
  /** Of the failed ones, why the first. */
  error?: unknown;
}

export interface Reconciliation {
  /** The first try has ended, well or not. */
  readonly first: Promise<void>;
  /** Ends what is under way. Idempotent. */
  close(): Promise<void>;
}

/**
 * Holds the object store against the database. What the database does not know is taken in: what a power
 * loss or an older backup has taken from it, and what was stored in the instant before a process died.
 * What it knows to be purged is removed. What another process is just taking in comes out the same.
 *
 * What cannot be read now, as on a share that hangs, is left out, told to the log, and tried again until all went well.
 */
export function startReconciliation(deps: ReconcileDeps, retryMs = RETRY_MS): Reconciliation {
  const stopping = new AbortController();
  const { signal } = stopping;
  const first = reconcile(deps, signal);
  async function untilAllIsWell(): Promise<void> {
    let startedMs = performance.now();
    let complete = await first;
    while (!complete && !signal.aborted) {
      const restMs = Math.max(retryMs, (performance.now() - startedMs) * REST_AFTER_TRY);
      await sleep(restMs, undefined, { signal }).catch(() => undefined);
      startedMs = performance.now();
      complete = await reconcile(deps, signal);
    }
  }
  const running = untilAllIsWell();
  return {
    first: first.then(() => undefined),
    async close() {
      stopping.abort();
      await running;
    },
  };
}

/** Returns whether nothing is left to be tried again. */
async function reconcile(deps: ReconcileDeps, signal: AbortSignal): Promise<boolean> {
  const counts: Counts = { takenIn: 0, removed: 0, failed: 0 };
  let complete = true;
  try {
    let batch: string[] = [];
    for await (const key of deps.objects.keys()) {
      if (signal.aborted) {
        return true;
      }
      batch.push(key);
      if (batch.length === BATCH) {
        await reconcileBatch(deps, batch, counts);
        batch = [];
      }
    }
    await reconcileBatch(deps, batch, counts);
  } catch (error) {
    complete = false;
    counts.error ??= error;
  }
  const { takenIn, removed, failed, error } = counts;
  if (takenIn + removed > 0) {
    deps.logger.warn({ takenIn, removed }, 'stored objects were held against the database');
  }
  if (error !== undefined) {
    deps.logger.error(
      { err: error, failed },
      'stored objects could not all be held against the database; this is tried again',
    );
  }
  return complete && failed === 0;
}

async function reconcileBatch(
  deps: ReconcileDeps,
  keys: readonly string[],
  counts: Counts,
): Promise<void> {
  for (const key of await deps.studies.unknownObjectKeys(keys)) {
    const error = await takeIn(deps, key, counts).catch(toPipelineError);
    // An object that is refused for good stays where it is; that it is refused is in the log.
    if (error !== undefined && error.failure !== 'permanent') {
      counts.failed += 1;
      counts.error ??= error;
    }
  }
  for (const key of await deps.operations.purgedObjectKeys(keys)) {
    await deps.objects.remove(key);
    counts.removed += 1;
  }
}

async function takeIn(
  deps: ReconcileDeps,
  key: string,
  counts: Counts,
): Promise<PipelineError | undefined> {
  const outcome = await ingestInstance(deps, {
    bytes: deps.objects.read(deps.objects.path(key)),
    maxBytes: Number.MAX_SAFE_INTEGER,
  });
  counts.takenIn += outcome.kind === 'stored' ? 1 : 0;
  return outcome.kind === 'failed' ? outcome.error : undefined;
}
