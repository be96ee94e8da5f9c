import { randomUUID } from 'node:crypto';

import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  it,
  onTestFinished,
} from 'vitest';

import { createOperationsStore } from '../../adapters/database/operations-store/operations-store.js';
import { createStudyStore } from '../../adapters/database/study-store/study-store.js';
import { addJobSql } from '../../adapters/queue/add-job-sql.js';
import type { JobQueue } from '../../core/jobs/job-queue.js';
import type { JobName, NewJob } from '../../core/jobs/jobs.js';
import { silentLogger } from '../../core/log.js';
import type { StudyStore } from '../../core/storage/study-store.js';
import { eventually } from '../support/eventually.js';
import { createTestQueue, newPrefix } from '../support/queue-bed.js';
import {
  sampleInstance,
  sampleOutcome,
  sampleResult,
  sampleTimes,
} from '../support/sample-study.js';
import type { TestDatabase } from '../support/test-database.js';
import { startJanitor } from '../../workers/assemble/start-janitor.js';

const QUIET_MS = 60_000;
const WEBHOOK = { destination: 'webhook', order: 0, onlyIfToldBefore: false };

/** What the study store does with the jobs of its transactions when the queue is in the same database. */
export function describeJobsInTransaction(name: string, open: () => Promise<TestDatabase>): void {
  describe(`jobs in the transaction: ${name}`, () => {
    let database: TestDatabase;
    let prefix: string;
    let queue: JobQueue;
    let store: StudyStore;

    beforeAll(async () => {
      database = await open();
    });
    afterAll(() => database.close());

    beforeEach(async () => {
      await database.empty();
      prefix = newPrefix();
      queue = createTestQueue({ kind: 'postgres', pool: database.queuePool }, prefix);
      // Makes its tables.
      await queue.ping();
      store = createStudyStore(
        { pool: database.pool, clock: Date.now },
        { addJobSql: addJobSql(prefix) },
      );
    });
    afterEach(() => queue.close());

    async function record(): Promise<{ instanceId: string; studyId: string }> {
      const stored = await store.recordInstance(
        sampleInstance({ requestedPriority: 'urgent', receivedAtMs: Date.now() }),
      );
      if (stored.kind !== 'stored') {
        expect.unreachable(`the instance is a ${stored.kind}`);
      }
      return stored;
    }

    async function rowsOf(job: JobName) {
      const { rows } = await database.pool.query<Record<string, unknown>>(
        'SELECT * FROM job WHERE queue = $1 ORDER BY seq',
        [`${prefix}-${job}`],
      );
      return rows;
    }

    async function expectEmptyOutbox(): Promise<void> {
      expect(await store.claimJobs(10, Date.now() + 60_000)).toEqual([]);
    }

    it('has the job in the queue when the image is stored', async () => {
      const beforeMs = Date.now();
      const { instanceId } = await record();
      expect(await queue.depth('infer')).toMatchObject({ waiting: 1 });
      expect((await store.loadInstance(instanceId))?.queuedAtMs).toBeGreaterThanOrEqual(beforeMs);
      await expectEmptyOutbox();
    });

    it('adds a job as the queue itself would', async () => {
      const { instanceId } = await record();
      const payload = { instanceId };
      await queue.enqueue([{ id: randomUUID(), name: 'infer', payload, priorityRank: 2 }]);
      const [ours, theirs] = await rowsOf('infer');
      const withoutIdentity = (row: Record<string, unknown> | undefined) => ({
        ...row,
        opts: { ...(row?.['opts'] as object), jobId: 'its own' },
        id: 'its own',
        seq: 'its own',
        added_at_ms: 'its own',
      });
      expect(withoutIdentity(ours)).toEqual(withoutIdentity(theirs));
      expect((ours?.['opts'] as Record<string, unknown>)['jobId']).toBe(ours?.['id']);
    });

    it('adds no job for what was stored before', async () => {
      const instance = sampleInstance();
      const [first, ...others] = await Promise.all(
        Array.from({ length: 4 }, () => store.recordInstance(instance)),
      );
      expect([first, ...others].map((result) => result?.kind).sort()).toEqual([
        'duplicate',
        'duplicate',
        'duplicate',
        'stored',
      ]);
      expect(await queue.depth('infer')).toMatchObject({ waiting: 1 });
      const { studyId } = others.find(({ kind }) => kind === 'duplicate') as { studyId: string };
      expect((await store.loadStudy(studyId))?.study.activity).toBe(1);
    });

    it('lets the assembly wait for its time, and adds no second one for a second outcome', async () => {
      const { instanceId, studyId } = await record();
      expect(await store.recordOutcome(instanceId, sampleOutcome, sampleTimes, 60_000)).toBe(true);
      expect(await store.recordOutcome(instanceId, sampleOutcome, sampleTimes, 60_000)).toBe(false);
      expect(await queue.depth('assemble')).toMatchObject({ waiting: 0, delayed: 1 });
      const [row] = await rowsOf('assemble');
      expect(row).toMatchObject({ data: { studyId, activity: 2 }, priority: 2 });
      expect(Number(row?.['delay_ms'])).toBeGreaterThan(50_000);
    });

    it('hands a worker what it is to deliver, and delivers again at its time', async () => {
      const { instanceId, studyId } = await record();
      await store.recordOutcome(instanceId, sampleOutcome, sampleTimes, 0);
      const delivered: string[] = [];
      await queue.work(
        'deliver',
        async ({ deliveryId }, { priorityRank, lastAttempt }) => {
          delivered.push(`${deliveryId} ${priorityRank} ${String(lastAttempt)}`);
          await Promise.resolve();
        },
        { concurrency: 1 },
      );
      const result = sampleResult('1.2.3', 1, { priority: 'urgent' });
      expect(await store.recordResult(studyId, result, 2, [WEBHOOK])).toBe(true);
      await eventually(() => {
        expect(delivered).toHaveLength(1);
      });
      const [deliveryId = ''] = delivered[0]?.split(' ') ?? [];
      expect(delivered).toEqual([`${deliveryId} 2 false`]);
      expect(await store.loadDelivery(deliveryId)).toMatchObject({ studyId, state: 'pending' });
      await store.recordDeliveryAttempt(deliveryId, {
        kind: 'retry',
        error: 'delivery-failed',
        nextAttemptAtMs: Date.now() + 60_000,
      });
      expect(await queue.depth('deliver')).toMatchObject({ waiting: 0, delayed: 1 });
      await expectEmptyOutbox();
    });

    it('leases to the taker what is done in this process, and queues the rest', async () => {
      const taken: NewJob[] = [];
      const handing = createStudyStore(
        { pool: database.pool, clock: Date.now },
        {
          addJobSql: addJobSql(prefix),
          taker: {
            leaseMs: 60_000,
            take: (jobs) => {
              taken.push(...jobs);
            },
            wake: () => undefined,
          },
          doneHere: new Set<JobName>(['assemble']),
        },
      );
      const { instanceId, studyId } = await record();
      await handing.recordOutcome(instanceId, sampleOutcome, sampleTimes, 60_000);
      expect(taken).toMatchObject([{ name: 'assemble', payload: { studyId, activity: 2 } }]);
      expect(await queue.depth('assemble')).toMatchObject({ waiting: 0, delayed: 0 });
      await handing.recordResult(studyId, sampleResult('1.2.3', 1), 2, [WEBHOOK]);
      expect(taken).toHaveLength(1);
      expect(await queue.depth('deliver')).toMatchObject({ waiting: 1 });
      await expectEmptyOutbox();
      // What the taker does not do is anybody's when the lease has ended.
      const later = createStudyStore(
        { pool: database.pool, clock: () => Date.now() + 60_000 },
        { addJobSql: addJobSql(prefix) },
      );
      expect(await later.claimJobs(10, Date.now() + 120_000)).toEqual([
        expect.objectContaining({ id: taken[0]?.id }),
      ]);
    });

    it('queues again what was forgotten, and notes when an image was queued first', async () => {
      const { instanceId } = await record();
      const { queuedAtMs } = (await store.loadInstance(instanceId))!;
      expect(await store.requeueUnfinished(Date.now() + 60_000)).toBe(1);
      expect(await queue.depth('infer')).toMatchObject({ waiting: 2 });
      expect((await store.loadInstance(instanceId))?.queuedAtMs).toBe(queuedAtMs);
      await expectEmptyOutbox();
    });

    it('does not fill with the same work while nobody does it, and gets back what it has lost', async () => {
      await record();
      let [offsetMs, asked] = [2 * QUIET_MS, 0];
      const janitor = startJanitor(
        {
          store,
          operations: createOperationsStore(
            { pool: database.pool, clock: Date.now },
            { addJobSql: addJobSql(prefix) },
          ),
          queue: {
            ...queue,
            depth(name) {
              asked += 1;
              return queue.depth(name);
            },
          },
          logger: silentLogger,
          clock: () => Date.now() + offsetMs,
        },
        {
          watchIntervalMs: 60_000,
          sweepIntervalMs: 50,
          quietMs: QUIET_MS,
          fairWaitMs: 3_600_000,
        },
      );
      onTestFinished(() => {
        janitor.close();
      });
      const severalSweeps = async () => {
        const before = asked;
        await eventually(() => {
          expect(asked).toBeGreaterThan(before + 12);
        });
      };
      const jobs = async () => (await queue.depth('infer')).waiting;
      await severalSweeps();
      expect(await jobs()).toBe(1);
      // The queue loses it: what is missing comes back without long patience.
      await database.pool.query('DELETE FROM job WHERE queue = $1', [`${prefix}-infer`]);
      await eventually(async () => {
        expect(await jobs()).toBe(1);
      });
      await severalSweeps();
      expect(await jobs()).toBe(1);
      // After long it is asked for all the same.
      offsetMs = 20 * QUIET_MS;
      await eventually(async () => {
        expect(await jobs()).toBe(2);
      });
    });

    it('stores nothing when the queue cannot take the job', async () => {
      const broken = createStudyStore(
        { pool: database.pool, clock: Date.now },
        { addJobSql: () => '(1 / (random() * 0)::integer)::text' },
      );
      const instance = sampleInstance();
      await expect(broken.recordInstance(instance)).rejects.toMatchObject({ code: 'internal' });
      expect((await store.recordInstance(instance)).kind).toBe('stored');
    });
  });
}
