import { createRedisBackend, Queue, Worker, type Telemetry } from 'bullmq';
import type { RedisOptions } from 'ioredis';
import { Redis } from 'ioredis';

import { pauseAfterRefusal } from './pause-after-refusal.js';
import type { QueueBackend } from './queue-backend.js';
import { STREAMS, workerOptions } from './queue-backend.js';

const COMMON: RedisOptions = {
  connectTimeout: 3_000,
  retryStrategy: (times) => Math.min(50 * 2 ** times, 2_000),
  // After a failover the address leads to another server, and the old one, a replica now, keeps its connections.
  reconnectOnError: ({ message }) => message.startsWith('READONLY'),
};

/**
 * Somebody waits for the answer to what a producer sends: it fails at once while there is no connection
 * and soon when the server does not answer. A worker waits as long as it takes instead.
 */
const PRODUCER: RedisOptions = {
  ...COMMON,
  maxRetriesPerRequest: 1,
  enableOfflineQueue: false,
  commandTimeout: 5_000,
};
const WORKER: RedisOptions = { ...COMMON, maxRetriesPerRequest: null };

/** BullMQ on Redis: one connection for all queues, one for all workers, and one that each worker waits on. */
export function createRedisQueueBackend(url: string, telemetry?: Telemetry): QueueBackend {
  const traced = telemetry && { telemetry };
  const open = new Set<Redis>();

  /** Knows the copies that BullMQ makes for its workers: nobody else could cut them. */
  class TrackedRedis extends Redis {
    constructor(options: RedisOptions) {
      super(url, options);
      open.add(this);
      this.once('end', () => open.delete(this));
    }

    override duplicate(override?: Partial<RedisOptions>): Redis {
      return new TrackedRedis({ ...this.options, ...override });
    }

    /**
     * Between two attempts to connect, ioredis takes back the next one and says nothing more: who waits for
     * its end, as a closing worker does, would wait for ever. A connection not yet begun it ends properly.
     */
    override disconnect(reconnect = false): void {
      if (this.status === 'reconnecting' && !reconnect) {
        this.status = 'wait';
      }
      super.disconnect(reconnect);
    }
  }

  let producer: Redis | undefined;
  const producing = (): Redis => (producer ??= new TrackedRedis(PRODUCER));
  let worker: Redis | undefined;
  return {
    minBulk: 2,
    prepare: () => Promise.resolve(),
    createQueue(name, onError) {
      return new Queue(name, { connection: producing(), streams: STREAMS, ...traced }).on(
        'error',
        onError,
      );
    },
    createWorker(name, processor, settings, events) {
      const connection = (worker ??= new TrackedRedis(WORKER));
      const options = { connection, ...workerOptions(settings), ...traced };
      const createBackend: typeof createRedisBackend = (...args) =>
        pauseAfterRefusal(createRedisBackend(...args), events);
      return new Worker(name, processor, options, createBackend).on('error', events.onError);
    },
    hasMark: async (name) => (await producing().exists(markKey(name))) === 1,
    async setMark(name) {
      await producing().set(markKey(name), '1');
    },
    disconnect() {
      open.forEach((connection) => {
        connection.disconnect();
      });
    },
  };
}

function markKey(name: string): string {
  return `preread:mark:${name}`;
}
