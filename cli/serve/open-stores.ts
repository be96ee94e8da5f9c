import { openDatabase } from '../../adapters/database/open-database.js';
import { createArchiveStore } from '../../adapters/database/archive-store.js';
import { createBacklogCheck } from '../../adapters/database/backlog.js';
import { createCommitmentStore } from '../../adapters/database/commitment-store.js';
import { createDestinationStore } from '../../adapters/database/destination-store.js';
import { createKeyStore } from '../../adapters/database/key-store.js';
import { createOperationsStore } from '../../adapters/database/operations-store/operations-store.js';
import { createSentCommitments } from '../../adapters/database/sent-commitments.js';
import { createStudyStore } from '../../adapters/database/study-store/study-store.js';
import { addJobSql } from '../../adapters/queue/add-job-sql.js';
import {
  createBullmqJobQueue,
  type BullmqJobQueue,
} from '../../adapters/queue/bullmq-job-queue.js';
import { openJobTracing } from '../../adapters/queue/job-tracing.js';
import type { SpanRecorder } from '../../adapters/observability/span-recorder.js';
import { createOutboxRelay, HANDED_OVER_LEASE_MS } from '../../adapters/queue/outbox-relay.js';
import {
  createLocalObjectStore,
  type LocalObjectStore,
} from '../../adapters/storage/local-object-store.js';
import type { KeyStore } from '../../core/access/key-store.js';
import type { ArchiveStore } from '../../core/archive/archive-store.js';
import { PipelineError } from '../../core/errors.js';
import type { PoisonedJob } from '../../core/jobs/job-queue.js';
import type { JobName } from '../../core/jobs/jobs.js';
import type { JobTaker } from '../../core/jobs/job-taker.js';
import type { Logger } from '../../core/log.js';
import type { CommitmentStore } from '../../core/storage/commitment-store.js';
import type { DestinationStore } from '../../core/storage/destination-store.js';
import type { PipelineMetrics } from '../../core/metrics.js';
import type { OperationsStore } from '../../core/storage/operations-store.js';
import type { SentCommitments } from '../../core/storage/sent-commitments.js';
import type { StudyStore } from '../../core/storage/study-store.js';
import type { Clock } from '../../core/time.js';
import { parkPoisonedJob } from '../../core/use-cases/park-poisoned-job.js';
import type { Closers } from './closers.js';
import type { ServeConfig } from './config.js';
import { ROLES, type Role } from './roles.js';

export interface Stores {
  readonly store: StudyStore;
  readonly operations: OperationsStore;
  readonly keys: KeyStore;
  readonly commitments: CommitmentStore;
  readonly sentCommitments: SentCommitments;
  readonly archives: ArchiveStore;
  readonly destinationStore: DestinationStore;
  readonly objects: LocalObjectStore;
  readonly checkBacklog: () => Promise<void>;
  readonly queue: BullmqJobQueue;
  /** This process has the data folder to itself. */
  readonly embedded: boolean;
}

/** A file that is being received is written to all the time; one untouched for so long has no writer. */
const STAGED_FILES_DEAD_AFTER_MS = 24 * 3_600_000;
/** Of libuv's threads, those that a watched folder may hold: files there are taken one after the other. */
export const WATCH_THREADS = 1;
const OUTBOX_SWEEP_INTERVAL_MS = 2_000;

/** Opens object store, database, queue and the relay between them. */
export async function openStores(
  deps: {
    readonly logger: Logger;
    readonly clock: Clock;
    readonly random: () => number;
    readonly metrics: Pick<PipelineMetrics, 'parked'>;
    /** Present where spans are wanted. */
    readonly spans: SpanRecorder | undefined;
  },
  config: ServeConfig,
  roles: ReadonlySet<Role>,
  closers: Closers,
): Promise<Stores> {
  const { DATABASE_URL: url, REDIS_URL: redisUrl, PREREAD_DATA_DIR: dataFolder } = config;
  const embedded = url === undefined;
  if (embedded && roles.size < ROLES.length) {
    throw new PipelineError(
      'config-invalid',
      'Roles in processes of their own need a shared database: set DATABASE_URL to a PostgreSQL server.',
    );
  }
  const database = await openDatabase(
    deps,
    embedded
      ? { kind: 'embedded', dataFolder }
      : { kind: 'postgres', url, poolSize: config.DATABASE_POOL_SIZE },
  );
  closers.add(() => database.close());

  const objects = createLocalObjectStore({
    dataFolder,
    minFreeBytes: config.PREREAD_MIN_FREE_BYTES,
    timeLimitMs: config.PREREAD_STORAGE_TIMEOUT_MS,
    poolThreads:
      config.UV_THREADPOOL_SIZE -
      (config.PREREAD_WATCH_DIR !== undefined && roles.has('ingest') ? WATCH_THREADS : 0),
  });
  if (roles.has('ingest')) {
    const beforeMs = embedded ? Infinity : deps.clock() - STAGED_FILES_DEAD_AFTER_MS;
    // A share that hangs stops no start: whoever sends is told, and the next start tidies up.
    await objects.removeStagedBefore(beforeMs).catch((error: unknown) => {
      deps.logger.error({ err: error }, 'files that were left half written cannot be removed');
    });
  }
  const queueInDatabase = redisUrl === undefined;
  // Stores hand jobs to the relay, which is opened with one of them.
  const taker: JobTaker = {
    leaseMs: HANDED_OVER_LEASE_MS,
    take: (...args) => {
      relay.take(...args);
    },
    wake: () => {
      relay.wake();
    },
  };
  const handOn = queueInDatabase
    ? { addJobSql: addJobSql(config.QUEUE_PREFIX), taker, doneHere: jobsDoneHere(roles) }
    : { taker };
  const store = createStudyStore({ pool: database.pool, clock: deps.clock }, handOn);
  const operations = createOperationsStore({ pool: database.pool, clock: deps.clock }, handOn);
  const queueDeps = {
    ...deps,
    async park(job: PoisonedJob) {
      await parkPoisonedJob(operations, job);
      deps.metrics.parked(job.name);
    },
  };
  const queue = createBullmqJobQueue(queueDeps, {
    backend: queueInDatabase
      ? { kind: 'postgres', pool: database.queuePool }
      : {
          kind: 'redis',
          url: redisUrl,
          tracing: deps.spans === undefined ? undefined : await openJobTracing(),
        },
    prefix: config.QUEUE_PREFIX,
  });
  closers.add(() => queue.close());
  if (queueInDatabase) {
    // The first image is to find the function that adds its job.
    await queue.open();
  }
  const relay = createOutboxRelay(
    { store, queue, logger: deps.logger, clock: deps.clock, random: deps.random },
    { sweepIntervalMs: OUTBOX_SWEEP_INTERVAL_MS },
  );
  closers.add(() => relay.close());
  const keys = createKeyStore({ pool: database.pool, clock: deps.clock });
  const commitments = createCommitmentStore({ pool: database.pool, clock: deps.clock });
  const sentCommitments = createSentCommitments({ pool: database.pool, clock: deps.clock }, handOn);
  const checkBacklog = createBacklogCheck(
    { pool: database.pool, clock: deps.clock },
    config.PREREAD_MAX_WAITING_IMAGES,
  );
  const archives = createArchiveStore({ pool: database.pool });
  const destinationStore = createDestinationStore(
    { pool: database.pool, clock: deps.clock },
    handOn,
  );
  return {
    store,
    operations,
    keys,
    commitments,
    sentCommitments,
    archives,
    destinationStore,
    objects,
    checkBacklog,
    queue,
    embedded,
  };
}

/** Short work without which its study would stand still: a worker of this process does it as soon as it is committed. */
function jobsDoneHere(roles: ReadonlySet<Role>): ReadonlySet<JobName> {
  const names: JobName[] = [];
  if (roles.has('assemble')) {
    names.push('assemble');
  }
  if (roles.has('delivery')) {
    names.push('deliver');
  }
  return new Set(names);
}
