import { createReadStream } from 'node:fs';

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

/**
 * Holds the object store against the database. What the database does not know is taken in: what a power
 * loss or an older backup has taken from it, and what was stored in the instant before a process died.
 * What it knows to be purged is removed. What another process is just taking in comes out the same.
 */
export async function reconcileObjects(deps: ReconcileDeps, signal: AbortSignal): Promise<void> {
  const counts = { takenIn: 0, removed: 0 };
  let batch: string[] = [];
  for await (const key of deps.objects.keys()) {
    if (signal.aborted) {
      return;
    }
    batch.push(key);
    if (batch.length === BATCH) {
      await reconcileBatch(deps, batch, counts);
      batch = [];
    }
  }
  await reconcileBatch(deps, batch, counts);
  if (counts.takenIn + counts.removed > 0) {
    deps.logger.warn({ ...counts }, 'stored objects were held against the database');
  }
}

async function reconcileBatch(
  deps: ReconcileDeps,
  keys: readonly string[],
  counts: { takenIn: number; removed: number },
): Promise<void> {
  for (const key of await deps.studies.unknownObjectKeys(keys)) {
    const outcome = await ingestInstance(deps, {
      bytes: createReadStream(deps.objects.path(key)),
      maxBytes: Number.MAX_SAFE_INTEGER,
    });
    counts.takenIn += outcome.kind === 'stored' ? 1 : 0;
  }
  for (const key of await deps.operations.purgedObjectKeys(keys)) {
    await deps.objects.remove(key);
    counts.removed += 1;
  }
}
