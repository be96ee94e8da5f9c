import { createPostgresBackend, Queue, runMigrations, Worker } from 'bullmq';
import type pg from 'pg';

import { NARROW_PLANS } from './narrow-plans.js';
import { pauseAfterRefusal } from './pause-after-refusal.js';
import type { QueueBackend } from './queue-backend.js';
import { STREAMS, workerOptions } from './queue-backend.js';
import { spareClaims } from './spare-claims.js';

/** BullMQ on PostgreSQL or the embedded database. The pool stays its owner's. */
export function createPostgresQueueBackend(pool: pg.Pool): QueueBackend {
  return {
    // BullMQ's PostgreSQL function for it makes temporary tables, which costs as much as ten jobs one by one.
    minBulk: 8,
    async prepare() {
      const client = await pool.connect();
      try {
        await runMigrations(client);
        await client.query(NARROW_PLANS);
      } finally {
        client.release();
      }
    },
    createQueue(name, onError) {
      const options = { connection: pool, streams: STREAMS };
      return new Queue(name, options, createPostgresBackend).on('error', onError);
    },
    createWorker(name, processor, settings, events) {
      const options = { connection: pool, ...workerOptions(settings) };
      const createBackend: typeof createPostgresBackend = (...args) =>
        spareClaims(pauseAfterRefusal(createPostgresBackend(...args), events));
      return new Worker(name, processor, options, createBackend).on('error', events.onError);
    },
    // The queue is in the same database as what its jobs are about: they are lost together or not at all.
    hasMark: () => Promise.resolve(true),
    setMark: () => Promise.resolve(),
    disconnect() {
      // The pool has its own time-outs, and its owner ends it.
    },
  };
}
