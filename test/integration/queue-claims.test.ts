import { setTimeout as sleep } from 'node:timers/promises';

import type pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';

import { createBullmqJobQueue } from '../../adapters/queue/bullmq-job-queue.js';
import type { JobQueue } from '../../core/jobs/job-queue.js';
import { silentLogger } from '../../core/log.js';
import { eventually } from '../support/eventually.js';
import { createTestQueue, newPrefix } from '../support/queue-bed.js';
import { inferJob } from '../support/queue-suite.js';
import { openEmbeddedTestDatabase, type TestDatabase } from '../support/test-database.js';

/** Jobs that wait behind those that are done. */
const WAITING = 3_000;

let database: TestDatabase;
const queues: JobQueue[] = [];

beforeAll(async () => {
  database = await openEmbeddedTestDatabase();
});
afterEach(async () => {
  await Promise.all(queues.splice(0).map((queue) => queue.close()));
});
afterAll(() => database.close());

function openQueue(): JobQueue {
  const queue = createTestQueue({ kind: 'postgres', pool: database.queuePool }, newPrefix());
  queues.push(queue);
  return queue;
}

/** The statements of a pool from now on; who asks for them again begins anew. */
function watchStatements(pool: pg.Pool): () => string[] {
  const statements: string[] = [];
  const query = pool.query.bind(pool) as (...args: unknown[]) => unknown;
  Object.assign(pool, {
    query: (...args: unknown[]) => {
      statements.push(String(args[0]));
      return query(...args);
    },
  });
  return () => statements.splice(0);
}

const countOf = (statements: readonly string[], name: string): number =>
  statements.filter((statement) => new RegExp(`\\b${name}\\(`).test(statement)).length;

test('a worker that is not busy claims each job once, and none with its end', async () => {
  const queue = openQueue();
  const since = watchStatements(database.queuePool);
  const seen: string[] = [];
  const waits = async (): Promise<void> => {
    await eventually(() => {
      // Asked by a worker that begins to wait.
      seen.push(...since());
      expect(countOf(seen, 'next_delay')).toBeGreaterThan(0);
    });
  };
  let done = 0;
  await queue.work(
    'infer',
    async () => {
      await waits();
      done += 1;
    },
    { concurrency: 4 },
  );
  await waits();
  for (let job = 1; job <= 3; job += 1) {
    seen.splice(0);
    await queue.enqueue([inferJob()]);
    await eventually(() => {
      seen.push(...since());
      expect(done).toBe(job);
      expect(countOf(seen, 'move_to_completed')).toBe(1);
    });
    expect(countOf(seen, 'move_to_active'), seen.join('\n')).toBe(1);
    expect(countOf(seen, 'next_signal'), seen.join('\n')).toBe(0);
    expect(countOf(seen, 'move_to_completed_fetch'), seen.join('\n')).toBe(0);
  }
});

test('jobs that come at once are worked on at once', async () => {
  const queue = openQueue();
  let running = 0;
  let most = 0;
  let done = 0;
  let open: () => void = () => undefined;
  const allFour = new Promise<void>((resolve) => {
    open = resolve;
  });
  await queue.work(
    'infer',
    async () => {
      running += 1;
      most = Math.max(most, running);
      if (running === 4) {
        open();
      }
      await allFour;
      running -= 1;
      done += 1;
    },
    { concurrency: 4 },
  );
  await queue.enqueue(Array.from({ length: 7 }, () => inferJob()));
  await eventually(() => {
    expect(done).toBe(7);
  });
  expect(most).toBe(4);
});

test('the end of a job does not read the jobs that wait', async () => {
  const { pool } = database;
  // A look for lost jobs reads the table once: none may come in between.
  const queue = createBullmqJobQueue(
    { logger: silentLogger, clock: Date.now, random: () => 0 },
    {
      backend: { kind: 'postgres', pool: database.queuePool },
      prefix: newPrefix(),
      stalledIntervalMs: 60_000,
    },
  );
  queues.push(queue);
  const rowsRead = async (): Promise<number> => {
    await pool.query('SELECT pg_stat_force_next_flush()');
    const { rows } = await pool.query<{ read: string }>(
      `SELECT seq_tup_read + idx_tup_fetch AS read FROM pg_stat_user_tables WHERE relid = 'bullmq.job'::regclass`,
    );
    return Number(rows[0]?.read);
  };
  let left = 20;
  let readAtFirst = NaN;
  let enough: () => void = () => undefined;
  const stopped = new Promise<void>((resolve) => {
    enough = resolve;
  });
  await queue.work(
    'infer',
    async () => {
      left -= 1;
      if (left === 10) {
        // Plans are made by now, with next to nothing in the table.
        await queue.enqueue(Array.from({ length: WAITING }, () => inferJob()));
        readAtFirst = await rowsRead();
      } else if (left === 0) {
        enough();
      }
    },
    { concurrency: 1 },
  );
  await queue.enqueue(Array.from({ length: 11 }, () => inferJob()));
  await stopped;
  expect((await rowsRead()) - readAtFirst).toBeLessThan(WAITING);
});

test('a worker whose claims fail leaves time for all else, and goes on when they do not', async () => {
  const { queuePool } = database;
  const queue = openQueue();
  await queue.ping();
  const query = queuePool.query.bind(queuePool);
  let refused = 0;
  Object.assign(queuePool, {
    query: () => {
      refused += 1;
      return Promise.reject(new Error('the database refuses everything'));
    },
  });
  let done = 0;
  try {
    await queue.work(
      'infer',
      () => {
        done += 1;
        return Promise.resolve();
      },
      { concurrency: 4 },
    );
    await sleep(500);
  } finally {
    Object.assign(queuePool, { query });
  }
  expect(refused).toBeGreaterThan(0);
  expect(refused).toBeLessThan(20);
  await queue.enqueue([inferJob()]);
  await eventually(() => {
    expect(done).toBe(1);
  });
});
