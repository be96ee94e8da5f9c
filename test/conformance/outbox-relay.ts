import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

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

import { createAddressGuard } from '../../adapters/network/address-guard.js';
import { createStudyStore } from '../../adapters/database/study-store/study-store.js';
import type { QueueBackendOptions } from '../../adapters/queue/backend.js';
import type { OutboxRelay, OutboxRelayDeps } from '../../adapters/queue/outbox-relay.js';
import {
  createOutboxRelay,
  HANDED_OVER_LEASE_MS,
  OUTBOX_LEASE_MS,
} from '../../adapters/queue/outbox-relay.js';
import { createWebhookSink } from '../../adapters/webhook/webhook-sink.js';
import { createLane } from '../../core/delivery/lane.js';
import type { JobQueue } from '../../core/jobs/job-queue.js';
import type { JobTaker } from '../../core/jobs/job-taker.js';
import type { NewJob } from '../../core/jobs/jobs.js';
import { silentLogger } from '../../core/log.js';
import type { StudyStore } from '../../core/storage/study-store.js';
import { deliverResult } from '../../core/use-cases/deliver-result.js';
import { eventually } from '../support/eventually.js';
import { createTestQueue, newPrefix } from '../support/queue-bed.js';
import { collectInstances, inferJob } from '../support/queue-suite.js';
import {
  SAMPLE_TIME_MS,
  sampleInstance,
  sampleOutcome,
  sampleTimes,
} from '../support/sample-study.js';
import { FAILED, recordFinishedStudy, TO_HOOK } from '../support/stored-study.js';
import type { TestDatabase } from '../support/test-database.js';
import { startWebhookReceiver } from '../support/webhook-receiver.js';

export interface RelayBed {
  readonly database: TestDatabase;
  readonly backend: QueueBackendOptions;
  /** The server of the queue, of the database, or of both. */
  readonly server?: { kill(): Promise<void>; restart(): Promise<void> };
  close(): Promise<void>;
}

const FOREVER_MS = 3_600_000;

/** What the relay does on every pair of database and queue. */
export function describeOutboxRelay(name: string, open: () => Promise<RelayBed>): void {
  describe(`outbox relay: ${name}`, () => {
    let bed: RelayBed;
    let queue: JobQueue;
    let relay: OutboxRelay | undefined;
    let store: StudyStore;

    beforeAll(async () => {
      bed = await open();
    });
    afterAll(() => bed.close());

    beforeEach(async () => {
      await bed.database.empty();
      queue = createTestQueue(bed.backend, newPrefix());
      relay = undefined;
      store = openStore();
    });
    afterEach(async () => {
      await relay?.close();
      await queue.close();
    });

    /** @param taker gets the jobs; without it they wait for whoever looks */
    function openStore(taker?: JobTaker, clock = Date.now): StudyStore {
      return createStudyStore({ pool: bed.database.pool, clock }, { taker });
    }

    /** A store that hands its jobs to `relay`. */
    function openHandingStore(clock = Date.now): StudyStore {
      const taker: JobTaker = {
        leaseMs: HANDED_OVER_LEASE_MS,
        take: (...args) => relay?.take(...args),
        wake: () => relay?.wake(),
      };
      return openStore(taker, clock);
    }

    function start(deps: Partial<OutboxRelayDeps> = {}, sweepIntervalMs = FOREVER_MS): OutboxRelay {
      const all = {
        store,
        queue,
        logger: silentLogger,
        clock: Date.now,
        random: () => 0,
        ...deps,
      };
      return createOutboxRelay(all, { sweepIntervalMs });
    }

    async function record(count: number): Promise<string[]> {
      const ids: string[] = [];
      for (let index = 0; index < count; index += 1) {
        ids.push((await store.recordInstance(sampleInstance())).instanceId);
      }
      return ids;
    }

    const collect = () => collectInstances(queue, 4);

    /** The queue, and what the relay brings to it. */
    function watchQueue() {
      const enqueued: NewJob[] = [];
      const handedOver: NewJob[] = [];
      const watching: OutboxRelayDeps['queue'] = {
        handOver(job) {
          handedOver.push(job);
          return queue.handOver(job);
        },
        enqueue(jobs) {
          enqueued.push(...jobs);
          return queue.enqueue(jobs);
        },
      };
      return { enqueued, handedOver, watching };
    }

    async function leasedUntilMs(): Promise<number> {
      const { rows } = await bed.database.pool.query<{ leased_until: Date }>(
        'SELECT leased_until FROM outbox',
      );
      return rows[0]!.leased_until.getTime();
    }

    async function expectEmptyOutbox(): Promise<void> {
      const { rows } = await bed.database.pool.query('SELECT job_id FROM outbox');
      expect(rows).toEqual([]);
    }

    it('moves a job that a commit has handed over, and notes when', async () => {
      const seen = await collect();
      store = openHandingStore();
      relay = start();
      const beforeMs = Date.now();
      const [instanceId] = await record(1);
      await eventually(() => {
        expect(seen).toEqual([instanceId]);
      });
      await eventually(async () => {
        const { queuedAtMs } = (await store.loadInstance(instanceId!))!;
        expect(queuedAtMs).toBeGreaterThanOrEqual(beforeMs);
      });
      expect(await store.claimJobs(10, Date.now() + FOREVER_MS)).toEqual([]);
    });

    it('moves what it finds when it starts, and all of it', async () => {
      const ids = await record(230);
      const seen = await collect();
      relay = start();
      await eventually(
        () => {
          expect(seen).toHaveLength(230);
        },
        { timeoutMs: 30_000 },
      );
      expect(new Set(seen)).toEqual(new Set(ids));
    });

    it('looks once for many wake-ups', async () => {
      let claims = 0;
      const counting: OutboxRelayDeps['store'] = {
        ...store,
        claimJobs(...args) {
          claims += 1;
          return store.claimJobs(...args);
        },
        completeJobs: (...args) => store.completeJobs(...args),
      };
      await record(3);
      const mine = start({ store: counting });
      for (let index = 0; index < 50; index += 1) {
        mine.wake();
      }
      await eventually(async () => {
        expect((await queue.depth('infer')).waiting).toBe(3);
      });
      await mine.close();
      expect(claims).toBeLessThanOrEqual(2);
    });

    it('enqueues a job again under its id when its completion is not noted', async () => {
      const seen = await collect();
      let nowMs = Date.now();
      let failures = 0;
      const forgetful: OutboxRelayDeps['store'] = {
        claimJobs: (...args) => store.claimJobs(...args),
        renewJobs: (...args) => store.renewJobs(...args),
        completeJobs(...args) {
          failures += 1;
          return failures < 3
            ? Promise.reject(new Error('the connection is lost'))
            : store.completeJobs(...args);
        },
      };
      store = createStudyStore({ pool: bed.database.pool, clock: () => nowMs }, {});
      const ids = await record(2);
      relay = start({ store: forgetful, clock: () => nowMs }, 50);
      await eventually(async () => {
        // Each look at a later time finds entries whose lease has ended.
        nowMs += OUTBOX_LEASE_MS;
        expect(await store.loadInstance(ids[1]!)).toHaveProperty('queuedAtMs', expect.any(Number));
      });
      expect(failures).toBeGreaterThanOrEqual(3);
      // Whatever was enqueued twice is served before what comes last.
      ids.push(...(await record(1)));
      await eventually(() => {
        expect(seen).toContain(ids[2]);
      });
      await eventually(() => {
        expect([...seen].sort()).toEqual([...ids].sort());
      });
    });

    it('brings what was handed over to the queue before it closes, in few statements', async () => {
      let completions = 0;
      const counting: OutboxRelayDeps['store'] = {
        ...store,
        claimJobs: (...args) => store.claimJobs(...args),
        completeJobs(...args) {
          completions += 1;
          return store.completeJobs(...args);
        },
      };
      store = openHandingStore();
      relay = start({ store: counting });
      await record(30);
      await relay.close();
      expect(await queue.depth('infer')).toMatchObject({ waiting: 30 });
      expect(completions).toBeLessThan(15);
      const later = createStudyStore(
        { pool: bed.database.pool, clock: () => Date.now() + 2 * FOREVER_MS },
        {},
      );
      expect(await later.claimJobs(100, 0)).toEqual([]);
    });

    it('keeps a job that is due soon, and brings it to the queue at its time or when it closes', async () => {
      const enqueued: { readonly atMs: number; readonly job: NewJob }[] = [];
      const watching: OutboxRelayDeps['queue'] = {
        handOver: () => undefined,
        enqueue(jobs) {
          enqueued.push(...jobs.map((job) => ({ atMs: Date.now(), job })));
          return queue.enqueue(jobs);
        },
      };
      store = openHandingStore();
      relay = start({ queue: watching });
      const [soon, later] = await record(2);
      await eventually(() => {
        expect(enqueued).toHaveLength(2);
      });
      enqueued.length = 0;
      const now = Date.now();
      const times = { queuedAtMs: now, inferStartAtMs: now, inferEndAtMs: now };
      const receivedLongAgo = now - SAMPLE_TIME_MS;
      await store.recordOutcome(soon!, sampleOutcome, times, receivedLongAgo + 300);
      await eventually(() => {
        expect(enqueued).toHaveLength(1);
      });
      const [{ atMs, job }] = enqueued as [(typeof enqueued)[number]];
      expect(job).toMatchObject({ name: 'assemble' });
      expect(atMs).toBeGreaterThanOrEqual(job.notBeforeMs!);
      await store.recordOutcome(later!, sampleOutcome, times, Date.now() - SAMPLE_TIME_MS + 900);
      await relay.close();
      expect(enqueued).toHaveLength(2);
      expect(enqueued[1]!.atMs).toBeLessThan(enqueued[1]!.job.notBeforeMs!);
      const { waiting, delayed } = await queue.depth('assemble');
      expect(waiting + delayed).toBe(2);
    });

    it.each([2_000, 300_000])(
      'leaves to the queue a job that is due in %i ms, also when a worker of this process has room',
      async (dueInMs) => {
        const seen = await collectInstances(queue, 4, { takesHandedOver: true });
        const { enqueued, handedOver, watching } = watchQueue();
        relay = start({ queue: watching });
        const job = { ...inferJob(), notBeforeMs: Date.now() + dueInMs };
        relay.take([job], Date.now() + FOREVER_MS);
        await eventually(async () => {
          expect(await queue.depth('infer')).toMatchObject({ waiting: 0, active: 0, delayed: 1 });
        });
        expect(seen).toEqual([]);
        await relay.close();
        expect(enqueued).toEqual([job]);
        expect(handedOver).toEqual([]);
      },
    );

    it('does not hand over an assembly before its study has been quiet for more than a second', async () => {
      const startedAtMs: number[] = [];
      await queue.work(
        'assemble',
        () => {
          startedAtMs.push(Date.now());
          return Promise.resolve();
        },
        { concurrency: 4, takesHandedOver: true },
      );
      const { enqueued, handedOver, watching } = watchQueue();
      store = openHandingStore();
      relay = start({ queue: watching });
      const receivedAtMs = Date.now();
      const { instanceId } = await store.recordInstance(sampleInstance({ receivedAtMs }));
      await store.recordOutcome(instanceId, sampleOutcome, sampleTimes, 3_000);
      await eventually(() => {
        expect(startedAtMs).toHaveLength(1);
      });
      const [job] = enqueued.filter(({ name }) => name === 'assemble');
      expect(job?.notBeforeMs).toBeGreaterThanOrEqual(receivedAtMs + 3_000);
      // The queue's server has a clock of its own, and counts whole milliseconds.
      expect(startedAtMs[0]).toBeGreaterThanOrEqual(job!.notBeforeMs! - 50);
      expect(handedOver.filter(({ name }) => name === 'assemble')).toEqual([]);
    });

    it('brings the second attempt of a delivery to the queue, where it is made at its time', async () => {
      const receiver = await startWebhookReceiver({
        answer: () => (receiver.attempts === 1 ? 503 : 204),
      });
      onTestFinished(() => receiver.close());
      const sink = createWebhookSink(
        { clock: Date.now },
        {
          name: TO_HOOK.destination,
          url: receiver.url,
          secrets: [receiver.secret],
          body: 'full',
          publicUrl: undefined,
          timeoutMs: 20_000,
          userAgent: 'preread-test',
          guard: createAddressGuard([]),
        },
      );
      const target = {
        sink,
        lane: createLane(4),
        retryDelaysMs: [2_000],
        failureListeners: [],
      };
      const attempts: string[] = [];
      const deps = {
        targets: { find: () => Promise.resolve(target) },
        clock: Date.now,
        random: () => 0,
      };
      await queue.work(
        'deliver',
        async ({ deliveryId }) => {
          attempts.push((await deliverResult({ ...deps, store }, deliveryId)).kind);
        },
        { concurrency: 4, takesHandedOver: true },
      );
      const { enqueued, handedOver, watching } = watchQueue();
      store = openHandingStore();
      relay = start({ queue: watching });
      const { deliveryId } = await recordFinishedStudy(store, Date.now(), FAILED);
      await eventually(() => {
        expect(attempts).toEqual(['retry', 'delivered']);
      });
      const deliveries = (jobs: readonly NewJob[]) => jobs.filter(({ name }) => name === 'deliver');
      expect(deliveries(handedOver)).toHaveLength(1);
      expect(deliveries(enqueued)).toMatchObject([{ payload: { deliveryId } }]);
      expect(receiver.received).toHaveLength(1);
    });

    it('leaves to the queue what it keeps when it closes, also when a worker of this process has room', async () => {
      await collectInstances(queue, 4, { takesHandedOver: true });
      const { enqueued, handedOver, watching } = watchQueue();
      relay = start({ queue: watching });
      const job = { ...inferJob(), notBeforeMs: Date.now() + 900 };
      relay.take([job], Date.now() + FOREVER_MS);
      await relay.close();
      expect(enqueued).toEqual([job]);
      expect(handedOver).toEqual([]);
    });

    it('brings what is urgent to the queue before what came first', async () => {
      const batches: (readonly NewJob[])[] = [];
      const watching: OutboxRelayDeps['queue'] = {
        handOver: () => undefined,
        enqueue(jobs) {
          batches.push(jobs);
          return Promise.resolve();
        },
      };
      relay = start({ queue: watching });
      const jobs = Array.from({ length: 20_000 }, (_, index) => ({
        id: randomUUID(),
        name: 'infer' as const,
        payload: { instanceId: randomUUID() },
        priorityRank: index === 19_999 ? 1 : 3,
      }));
      relay.take(jobs, Date.now() + FOREVER_MS);
      await eventually(() => {
        expect(batches.flat()).toHaveLength(20_000);
      });
      expect(batches[0]).toHaveLength(100);
      expect(batches[0]![0]!.id).toBe(jobs[19_999]!.id);
      expect(batches[0]![1]!.id).toBe(jobs[0]!.id);
    });

    it('has a worker of this process do what was handed over, without the queue', async () => {
      const seen = await collectInstances(queue, 4, { takesHandedOver: true });
      const { enqueued, watching } = watchQueue();
      store = openHandingStore();
      relay = start({ queue: watching });
      const ids = await record(2);
      await eventually(() => {
        expect(seen).toEqual(ids);
      });
      await relay.close();
      expect(enqueued).toEqual([]);
      await expectEmptyOutbox();
    });

    it.each([
      ['fails', () => Promise.reject(new Error('the database is away')), 500],
      ['wants to do again later', () => Promise.resolve({ repeatAfterMs: 20 }), 20],
    ])('brings to the queue what a worker of this process %s', async (_what, first, delayMs) => {
      const seen: string[] = [];
      await queue.work(
        'infer',
        ({ instanceId }) => {
          seen.push(instanceId);
          return seen.length === 1 ? first() : Promise.resolve(undefined);
        },
        { concurrency: 1, takesHandedOver: true },
      );
      const { enqueued, watching } = watchQueue();
      store = openHandingStore();
      relay = start({ queue: watching });
      const startedAtMs = Date.now();
      const [instanceId] = await record(1);
      await eventually(() => {
        expect(seen).toEqual([instanceId, instanceId]);
      });
      await relay.close();
      expect(enqueued).toMatchObject([{ payload: { instanceId } }]);
      expect(enqueued[0]!.notBeforeMs! - startedAtMs).toBeGreaterThanOrEqual(delayMs);
      await expectEmptyOutbox();
    });

    it('keeps from others what takes a worker of this process longer than a lease', async () => {
      let nowMs = Date.now();
      let finish: () => void = () => undefined;
      const finished = new Promise<undefined>((resolve) => {
        finish = () => {
          resolve(undefined);
        };
      });
      await queue.work('infer', () => finished, { concurrency: 1, takesHandedOver: true });
      const { enqueued, watching } = watchQueue();
      store = openHandingStore(() => nowMs);
      relay = start({ queue: watching, clock: () => nowMs }, 20);
      await record(1);
      for (let look = 0; look < 5; look += 1) {
        nowMs += HANDED_OVER_LEASE_MS / 2;
        await eventually(async () => {
          expect(await leasedUntilMs()).toBeGreaterThanOrEqual(nowMs + HANDED_OVER_LEASE_MS);
        });
        expect(await store.claimJobs(10, nowMs)).toEqual([]);
      }
      const closing = relay.close();
      nowMs += HANDED_OVER_LEASE_MS / 2;
      await eventually(async () => {
        expect(await leasedUntilMs()).toBeGreaterThanOrEqual(nowMs + HANDED_OVER_LEASE_MS);
      });
      // Another process that has claimed it meanwhile keeps it.
      const claimedUntil = new Date(nowMs + 1_000);
      await bed.database.pool.query('UPDATE outbox SET leased_until = $1', [claimedUntil]);
      await sleep(200);
      expect(await leasedUntilMs()).toBe(claimedUntil.getTime());
      finish();
      await closing;
      expect(enqueued).toEqual([]);
      await expectEmptyOutbox();
    });

    it('brings to the queue what it finds, also when a worker of this process has room', async () => {
      const ids = await record(2);
      const seen = await collectInstances(queue, 4, { takesHandedOver: true });
      const { enqueued, watching } = watchQueue();
      relay = start({ queue: watching });
      await eventually(() => {
        expect([...seen].sort()).toEqual([...ids].sort());
      });
      expect(enqueued).toHaveLength(2);
    });

    it('looks for what it could not bring to the queue in time', async () => {
      let nowMs = Date.now();
      let refusals = 0;
      const refusing: OutboxRelayDeps['queue'] = {
        handOver: () => undefined,
        enqueue(jobs) {
          refusals += 1;
          nowMs += OUTBOX_LEASE_MS / 2;
          return refusals < 4
            ? Promise.reject(new Error('the queue is away'))
            : queue.enqueue(jobs);
        },
      };
      store = createStudyStore(
        { pool: bed.database.pool, clock: () => nowMs },
        {
          taker: {
            leaseMs: OUTBOX_LEASE_MS,
            take: (...args) => relay?.take(...args),
            wake: () => relay?.wake(),
          },
        },
      );
      const seen = await collect();
      relay = start({ queue: refusing, clock: () => nowMs });
      const ids = await record(3);
      await eventually(() => {
        expect([...seen].sort()).toEqual([...ids].sort());
      });
    });

    it('takes over what a dead relay had leased', async () => {
      const ids = await record(2);
      expect(await store.claimJobs(10, Date.now() + 700)).toHaveLength(2);
      const seen = await collect();
      relay = start({}, 200);
      await eventually(() => {
        expect([...seen].sort()).toEqual([...ids].sort());
      });
    });

    it('shares the work with the relays of other processes', async () => {
      const ids = await record(150);
      const seen = await collect();
      const others = [start(), start(), start()];
      await eventually(
        () => {
          expect(seen.length).toBeGreaterThanOrEqual(150);
        },
        { timeoutMs: 30_000 },
      );
      await Promise.all(others.map((other) => other.close()));
      expect([...seen].sort()).toEqual([...ids].sort());
    });

    it('does nothing more after it has been closed', async () => {
      const closed = start();
      await closed.close();
      await closed.close();
      await record(1);
      closed.wake();
      expect(await store.claimJobs(10, Date.now() + 1_000)).toHaveLength(1);
    });

    it('keeps jobs while a server is away and moves them when it is back', async (context) => {
      const { server } = bed;
      if (server === undefined) {
        context.skip('nothing here has a server of its own');
        return;
      }
      const seen = await collect();
      store = openHandingStore();
      relay = start({}, 500);
      const [first] = await record(1);
      await eventually(() => {
        expect(seen).toEqual([first]);
      });
      await server.kill();
      // Where the database is gone too, nothing can be recorded; where it is not, nothing is refused.
      const during = await record(1).catch(() => []);
      relay.wake();
      await server.restart();
      const after = await eventually(() => record(1), { timeoutMs: 20_000 });
      await eventually(
        () => {
          expect([...seen].sort()).toEqual([first, ...during, ...after].sort());
        },
        { timeoutMs: 40_000 },
      );
    });

    it('closes while a server is away', async (context) => {
      const { server } = bed;
      if (server === undefined) {
        context.skip('nothing here has a server of its own');
        return;
      }
      await record(1);
      await server.kill();
      const closing = start();
      closing.wake();
      await closing.close();
      await server.restart();
      await eventually(() => store.ping(), { timeoutMs: 20_000 });
      await eventually(() => queue.ping(), { timeoutMs: 20_000 });
    });
  });
}
