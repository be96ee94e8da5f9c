import type { Logger } from '../../core/log.js';
import type { OperationsStore } from '../../core/storage/operations-store.js';
import type { IngestInstanceDeps } from '../../core/use-cases/ingest-instance.js';
import { startJanitor } from '../../workers/assemble/start-janitor.js';
import { startRetention } from '../../workers/upkeep/start-retention.js';
import type { Closers } from './closers.js';
import type { ServeConfig } from './config.js';
import type { Stores } from './open-stores.js';
import { startReconciliation } from './reconcile-objects.js';
import type { Role } from './roles.js';

const QUEUE_WATCH_INTERVAL_MS = 2_000;
const RETENTION_INTERVAL_MS = 60_000;

export type UpkeepDeps = IngestInstanceDeps & {
  readonly stores: Stores;
  readonly operations: OperationsStore;
  readonly logger: Logger;
};

/**
 * Holds what is stored, what the database knows and what the queue has against each other, now and from
 * then on, and removes what has done its duty.
 */
export async function startUpkeep(
  deps: UpkeepDeps,
  config: ServeConfig,
  roles: ReadonlySet<Role>,
  closers: Closers,
): Promise<void> {
  const { stores, operations, logger, clock } = deps;
  const { store, queue, objects } = stores;
  if (roles.has('ingest')) {
    const reconciliation = startReconciliation({ ...deps, objects, studies: store });
    closers.add(() => reconciliation.close());
    // Elsewhere an archive of millions of files on a share takes minutes, in which others do their work.
    if (stores.embedded) {
      await reconciliation.first;
      // This process has the data to itself, so whatever is unfinished is nobody else's work.
      await store.requeueUnfinished(clock());
    }
    const retention = startRetention(
      { objects, operations, logger, clock },
      {
        retentionDays: config.PREREAD_RETENTION_DAYS,
        purgeBelowFreeBytes: config.PREREAD_PURGE_BELOW_FREE_BYTES,
        intervalMs: RETENTION_INTERVAL_MS,
      },
    );
    closers.add(() => retention.close());
  }
  if (roles.has('assemble')) {
    const janitor = startJanitor(
      { store, operations, queue, logger, clock },
      {
        watchIntervalMs: QUEUE_WATCH_INTERVAL_MS,
        sweepIntervalMs: Math.min(60_000, config.PREREAD_REQUEUE_AFTER_MS / 2),
        quietMs: config.PREREAD_REQUEUE_AFTER_MS,
        fairWaitMs: config.PREREAD_FAIR_WAIT_MS,
      },
    );
    closers.add(() => {
      janitor.close();
    });
  }
}
