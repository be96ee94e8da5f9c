import type { Processor } from 'bullmq';
import { createPostgresBackend, Queue, runMigrations, Worker } from 'bullmq';
import type pg from 'pg';

/** What the queue is kept in. */
export type QueueBackendOptions =
  | { readonly kind: 'redis'; readonly url: string }
  /** PostgreSQL or the embedded database. The pool stays its owner's. */
  | { readonly kind: 'postgres'; readonly pool: pg.Pool };

export interface WorkerSettings {
  readonly concurrency: number;
  readonly lockDurationMs: number;
  readonly stalledIntervalMs: number;
  readonly maxStalledCount: number;
  readonly retryDelayMs: (attemptsMade: number) => number;
}

/** What differs between BullMQ's backends. */
export interface QueueBackend {
  /** Brings BullMQ's tables up to date where it has some. Safe when several processes do it at once. */
  prepare(): Promise<void>;
  createQueue(name: string, onError: OnError): BullQueue;
  createWorker(
    name: string,
    processor: Processor,
    settings: WorkerSettings,
    onError: OnError,
  ): BullWorker;
}

/** The parts of BullMQ's classes that are the same on every backend. */
export type BullQueue = Pick<
  Queue,
  'add' | 'addBulk' | 'close' | 'getJobCounts' | 'waitUntilReady'
>;
export type BullWorker = Pick<Worker, 'close' | 'waitUntilReady'>;

/** Trouble with the connection. It must be heard, or it ends the process. */
export type OnError = (error: Error) => void;

/** Only for people who look into the queue: we read no events. */
const streams = { events: { maxLen: 100 } };

/**
 * Somebody waits for the answer to what a producer sends: it fails at once while there is no connection
 * and soon when the server does not answer. A worker waits as long as it takes instead.
 */
const REDIS_PRODUCER = {
  maxRetriesPerRequest: 1,
  enableOfflineQueue: false,
  connectTimeout: 3_000,
  commandTimeout: 5_000,
};
const REDIS_WORKER = { maxRetriesPerRequest: null, connectTimeout: 3_000 };
const REDIS_RECONNECT_MAX_MS = 2_000;

/** A worker's pause after an error of its server, before it asks again. */
const RUN_RETRY_DELAY_MS = 1_000;

export function createQueueBackend(options: QueueBackendOptions): QueueBackend {
  return options.kind === 'redis' ? redisBackend(options.url) : postgresBackend(options.pool);
}

function redisBackend(url: string): QueueBackend {
  const retryStrategy = (times: number): number =>
    Math.min(50 * 2 ** times, REDIS_RECONNECT_MAX_MS);
  return {
    prepare: () => Promise.resolve(),
    createQueue(name, onError) {
      const connection = { url, retryStrategy, ...REDIS_PRODUCER };
      return new Queue(name, { connection, streams }).on('error', onError);
    },
    createWorker(name, processor, settings, onError) {
      const connection = { url, retryStrategy, ...REDIS_WORKER };
      const options = { connection, ...workerOptions(settings) };
      return new Worker(name, processor, options).on('error', onError);
    },
  };
}

function postgresBackend(pool: pg.Pool): QueueBackend {
  return {
    async prepare() {
      const client = await pool.connect();
      try {
        await runMigrations(client);
      } finally {
        client.release();
      }
    },
    createQueue: (name, onError) =>
      new Queue(name, { connection: pool, streams }, createPostgresBackend).on('error', onError),
    createWorker(name, processor, settings, onError) {
      const options = { connection: pool, ...workerOptions(settings) };
      return new Worker(name, processor, options, createPostgresBackend).on('error', onError);
    },
  };
}

function workerOptions(settings: WorkerSettings) {
  return {
    concurrency: settings.concurrency,
    lockDuration: settings.lockDurationMs,
    stalledInterval: settings.stalledIntervalMs,
    maxStalledCount: settings.maxStalledCount,
    runRetryDelay: RUN_RETRY_DELAY_MS,
    settings: { backoffStrategy: settings.retryDelayMs },
  };
}
