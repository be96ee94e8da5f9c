import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import type { Database } from '../../adapters/database/database.js';
import { openDatabase } from '../../adapters/database/open-database.js';
import { createBullmqJobQueue } from '../../adapters/queue/bullmq-job-queue.js';
import { NARROW_PLANS } from '../../adapters/queue/narrow-plans.js';
import type { JobQueue } from '../../core/jobs/job-queue.js';
import { silentLogger } from '../../core/log.js';
import { eventually } from '../support/eventually.js';
import { describeWithPeer } from '../support/peers.js';
import { startPostgres } from '../support/postgres-server.js';
import { createTestQueue, newPrefix } from '../support/queue-bed.js';
import { inferJob } from '../support/queue-suite.js';
import { openEmbeddedTestDatabase, openPostgresTestDatabase } from '../support/test-database.js';
import { callsOf, watchStatements } from '../support/watch-statements.js';

/** Jobs that wait while others are done and looked for. */
const WAITING = 3_000;
/** From so many executions on, sessions keep one plan for all of a statement's parameters. */
const PLAN_IS_KEPT = 8;

/** One session waits for jobs: with another one, all plans and all counts are those of one session. */
const POOL_SIZE = 2;

describe('on the embedded database', () => {
  describePlans(openEmbeddedTestDatabase);
});

describeWithPeer('postgres', 'on PostgreSQL', (peer) => {
  describePlans(async () => {
    const server = await startPostgres(peer);
    const url = await server.createDatabase();
    const options = { kind: 'postgres', url, poolSize: POOL_SIZE } as const;
    const opened = await openDatabase({ logger: silentLogger, clock: Date.now }, options);
    return {
      ...opened,
      async close() {
        await opened.close();
        await server.stop();
      },
    };
  });
});

describeWithPeer(
  'postgres',
  'a role that owns the jobs, but may make nothing in their schema',
  (peer) => {
    test('goes on without the index', async () => {
      const server = await startPostgres(peer);
      const database = await openPostgresTestDatabase(server);
      try {
        const queue = createTestQueue({ kind: 'postgres', pool: database.queuePool }, newPrefix());
        await queue.enqueue([inferJob()]);
        await queue.close();
        const client = await database.pool.connect();
        try {
          await client.query(`DROP INDEX bullmq.preread_job_marked_idx;
          CREATE ROLE narrow_owner; GRANT USAGE ON SCHEMA bullmq TO narrow_owner;
          ALTER TABLE bullmq.job OWNER TO narrow_owner; SET ROLE narrow_owner`);
          await client.query(NARROW_PLANS);
          const { rows } = await client.query(
            `SELECT to_regclass('bullmq.preread_job_marked_idx') AS made`,
          );
          expect(rows).toEqual([{ made: null }]);
        } finally {
          client.release(true);
        }
      } finally {
        await database.close();
        await server.stop();
      }
    });
  },
);

function describePlans(open: () => Promise<Database>): void {
  let database: Database;
  let queue: JobQueue;

  beforeAll(async () => {
    database = await open();
  });
  afterEach(async () => {
    await queue.close();
    await database.pool.query('TRUNCATE bullmq.job CASCADE');
  });
  afterAll(async () => {
    await database.close();
  });

  function openQueue(stalledIntervalMs: number): void {
    const deps = { logger: silentLogger, clock: Date.now, random: () => 0 };
    const backend = { kind: 'postgres', pool: database.queuePool } as const;
    queue = createBullmqJobQueue(deps, { backend, prefix: newPrefix(), stalledIntervalMs });
  }

  /** Afterwards new plans are made, for a table that has next to nothing in it. */
  const forgetPlans = () => database.pool.query('VACUUM (ANALYZE) bullmq.job');
  const flood = () => queue.enqueue(Array.from({ length: WAITING }, () => inferJob()));
  const rowsRead = () => jobRowsRead(database);

  test('neither the claim nor the end of a job reads the jobs that wait', async () => {
    // None of the looks for lost jobs comes in between.
    openQueue(60_000);
    let left = 2 * PLAN_IS_KEPT + 10;
    let readAtFirst = NaN;
    let enough: () => void = () => undefined;
    const stopped = new Promise<void>((resolve) => {
      enough = resolve;
    });
    await queue.work(
      'infer',
      async () => {
        left -= 1;
        if (left === PLAN_IS_KEPT + 10) {
          await forgetPlans();
        } else if (left === 10) {
          await flood();
          readAtFirst = await rowsRead();
        } else if (left === 0) {
          enough();
        }
      },
      { concurrency: 1 },
    );
    await queue.enqueue(Array.from({ length: left }, () => inferJob()));
    await stopped;
    expect((await rowsRead()) - readAtFirst).toBeLessThan(WAITING);
  });

  test('a look for lost jobs does not read the jobs that wait', async () => {
    openQueue(20);
    const since = watchStatements(database.queuePool);
    let rowsOfLooks = NaN;
    const looks = async (count: number): Promise<void> => {
      let seen = 0;
      await eventually(() => {
        seen += callsOf(since(), 'move_stalled_jobs_to_wait');
        expect(seen).toBeGreaterThan(count);
      });
    };
    await queue.work(
      'infer',
      async () => {
        if (Number.isNaN(rowsOfLooks)) {
          await looks(PLAN_IS_KEPT);
          await forgetPlans();
          await looks(PLAN_IS_KEPT);
          await flood();
          await looks(1);
          const readAtFirst = await rowsRead();
          await looks(3);
          rowsOfLooks = (await rowsRead()) - readAtFirst;
        }
      },
      { concurrency: 1 },
    );
    await queue.enqueue([inferJob()]);
    await eventually(() => {
      expect(rowsOfLooks).not.toBeNaN();
    });
    expect(rowsOfLooks).toBeGreaterThan(0);
    expect(rowsOfLooks).toBeLessThan(WAITING);
  });
}

/** A session keeps its counts back for a while, unless it is told to hand them out. */
async function jobRowsRead({ queuePool }: Database): Promise<number> {
  await queuePool.query('SELECT pg_stat_force_next_flush()');
  const { rows } = await queuePool.query<{ read: string }>(
    `SELECT seq_tup_read + idx_tup_fetch AS read FROM pg_stat_user_tables WHERE relid = 'bullmq.job'::regclass`,
  );
  return Number(rows[0]?.read);
}
