import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';

import type { JobQueue } from '../../core/jobs/job-queue.js';
import { eventually } from '../support/eventually.js';
import { createTestQueue, newPrefix } from '../support/queue-bed.js';
import { inferJob } from '../support/queue-suite.js';
import { openEmbeddedTestDatabase, type TestDatabase } from '../support/test-database.js';
import { callsOf, watchStatements } from '../support/watch-statements.js';

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

test('a worker that is not busy claims each job once, and none with its end', async () => {
  const queue = openQueue();
  const since = watchStatements(database.queuePool);
  const seen: string[] = [];
  const waits = async (): Promise<void> => {
    await eventually(() => {
      // Asked by a worker that begins to wait.
      seen.push(...since());
      expect(callsOf(seen, 'next_delay')).toBeGreaterThan(0);
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
      expect(callsOf(seen, 'move_to_completed')).toBe(1);
    });
    expect(callsOf(seen, 'move_to_active'), seen.join('\n')).toBe(1);
    expect(callsOf(seen, 'next_signal'), seen.join('\n')).toBe(0);
    expect(callsOf(seen, 'move_to_completed_fetch'), seen.join('\n')).toBe(0);
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
