import { randomUUID } from 'node:crypto';

import { describe, expect, it } from 'vitest';

import { createStudyStore } from '../../adapters/database/study-store/study-store.js';
import { OUTBOX_LEASE_MS } from '../../adapters/queue/outbox-relay.js';
import type { OutboxRelayDeps } from '../../adapters/queue/outbox-relay.js';
import type { NewJob } from '../../core/jobs/jobs.js';
import { eventually } from '../support/eventually.js';
import { SAMPLE_TIME_MS, sampleOutcome } from '../support/sample-study.js';
import { createRelayRig, FOREVER_MS } from './outbox-relay-rig.js';
import type { RelayBed } from './outbox-relay-rig.js';

/** What the relay does on every pair of database and queue. */
export function describeOutboxRelay(name: string, open: () => Promise<RelayBed>): void {
  describe(`outbox relay: ${name}`, () => {
    const rig = createRelayRig(open);

    it('moves a job that a commit has handed over, and notes when', async () => {
      const seen = await rig.collect();
      rig.store = rig.openHandingStore();
      rig.relay = rig.start();
      const beforeMs = Date.now();
      const [instanceId] = await rig.record(1);
      await eventually(() => {
        expect(seen).toEqual([instanceId]);
      });
      await eventually(async () => {
        const { queuedAtMs } = (await rig.store.loadInstance(instanceId!))!;
        expect(queuedAtMs).toBeGreaterThanOrEqual(beforeMs);
      });
      expect(await rig.store.claimJobs(10, Date.now() + FOREVER_MS)).toEqual([]);
    });

    it('moves what it finds when it starts, and all of it', async () => {
      const ids = await rig.record(230);
      const seen = await rig.collect();
      rig.relay = rig.start();
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
        ...rig.store,
        claimJobs(...args) {
          claims += 1;
          return rig.store.claimJobs(...args);
        },
        completeJobs: (...args) => rig.store.completeJobs(...args),
      };
      await rig.record(3);
      const mine = rig.start({ store: counting });
      for (let index = 0; index < 50; index += 1) {
        mine.wake();
      }
      await eventually(async () => {
        expect((await rig.queue.depth('infer')).waiting).toBe(3);
      });
      await mine.close();
      expect(claims).toBeLessThanOrEqual(2);
    });

    it('enqueues a job again under its id when its completion is not noted', async () => {
      const seen = await rig.collect();
      let nowMs = Date.now();
      let failures = 0;
      const forgetful: OutboxRelayDeps['store'] = {
        claimJobs: (...args) => rig.store.claimJobs(...args),
        renewJobs: (...args) => rig.store.renewJobs(...args),
        completeJobs(...args) {
          failures += 1;
          return failures < 3
            ? Promise.reject(new Error('the connection is lost'))
            : rig.store.completeJobs(...args);
        },
      };
      rig.store = createStudyStore({ pool: rig.bed.database.pool, clock: () => nowMs }, {});
      const ids = await rig.record(2);
      rig.relay = rig.start({ store: forgetful, clock: () => nowMs }, 50);
      await eventually(async () => {
        // Each look at a later time finds entries whose lease has ended.
        nowMs += OUTBOX_LEASE_MS;
        expect(await rig.store.loadInstance(ids[1]!)).toHaveProperty(
          'queuedAtMs',
          expect.any(Number),
        );
      });
      expect(failures).toBeGreaterThanOrEqual(3);
      // Whatever was enqueued twice is served before what comes last.
      ids.push(...(await rig.record(1)));
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
        ...rig.store,
        claimJobs: (...args) => rig.store.claimJobs(...args),
        completeJobs(...args) {
          completions += 1;
          return rig.store.completeJobs(...args);
        },
      };
      rig.store = rig.openHandingStore();
      rig.relay = rig.start({ store: counting });
      await rig.record(30);
      await rig.relay.close();
      expect(await rig.queue.depth('infer')).toMatchObject({ waiting: 30 });
      expect(completions).toBeLessThan(15);
      const later = createStudyStore(
        { pool: rig.bed.database.pool, clock: () => Date.now() + 2 * FOREVER_MS },
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
          return rig.queue.enqueue(jobs);
        },
      };
      rig.store = rig.openHandingStore();
      rig.relay = rig.start({ queue: watching });
      const [soon, later] = await rig.record(2);
      await eventually(() => {
        expect(enqueued).toHaveLength(2);
      });
      enqueued.length = 0;
      const now = Date.now();
      const times = { queuedAtMs: now, inferStartAtMs: now, inferEndAtMs: now };
      const receivedLongAgo = now - SAMPLE_TIME_MS;
      await rig.store.recordOutcome(soon!, sampleOutcome, times, receivedLongAgo + 300);
      await eventually(() => {
        expect(enqueued).toHaveLength(1);
      });
      const [{ atMs, job }] = enqueued as [(typeof enqueued)[number]];
      expect(job).toMatchObject({ name: 'assemble' });
      expect(atMs).toBeGreaterThanOrEqual(job.notBeforeMs!);
      await rig.store.recordOutcome(
        later!,
        sampleOutcome,
        times,
        Date.now() - SAMPLE_TIME_MS + 900,
      );
      await rig.relay.close();
      expect(enqueued).toHaveLength(2);
      expect(enqueued[1]!.atMs).toBeLessThan(enqueued[1]!.job.notBeforeMs!);
      const { waiting, delayed } = await rig.queue.depth('assemble');
      expect(waiting + delayed).toBe(2);
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
      rig.relay = rig.start({ queue: watching });
      const jobs = Array.from({ length: 20_000 }, (_, index) => ({
        id: randomUUID(),
        name: 'infer' as const,
        payload: { instanceId: randomUUID() },
        priorityRank: index === 19_999 ? 1 : 3,
      }));
      rig.relay.take(jobs, Date.now() + FOREVER_MS);
      await eventually(() => {
        expect(batches.flat()).toHaveLength(20_000);
      });
      expect(batches[0]).toHaveLength(100);
      expect(batches[0]![0]!.id).toBe(jobs[19_999]!.id);
      expect(batches[0]![1]!.id).toBe(jobs[0]!.id);
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
            : rig.queue.enqueue(jobs);
        },
      };
      rig.store = createStudyStore(
        { pool: rig.bed.database.pool, clock: () => nowMs },
        {
          taker: {
            leaseMs: OUTBOX_LEASE_MS,
            take: (...args) => rig.relay?.take(...args),
            wake: () => rig.relay?.wake(),
          },
        },
      );
      const seen = await rig.collect();
      rig.relay = rig.start({ queue: refusing, clock: () => nowMs });
      const ids = await rig.record(3);
      await eventually(() => {
        expect([...seen].sort()).toEqual([...ids].sort());
      });
    });

    it('takes over what a dead relay had leased', async () => {
      const ids = await rig.record(2);
      expect(await rig.store.claimJobs(10, Date.now() + 700)).toHaveLength(2);
      const seen = await rig.collect();
      rig.relay = rig.start({}, 200);
      await eventually(() => {
        expect([...seen].sort()).toEqual([...ids].sort());
      });
    });

    it('shares the work with the relays of other processes', async () => {
      const ids = await rig.record(150);
      const seen = await rig.collect();
      const others = [rig.start(), rig.start(), rig.start()];
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
      const closed = rig.start();
      await closed.close();
      await closed.close();
      await rig.record(1);
      closed.wake();
      expect(await rig.store.claimJobs(10, Date.now() + 1_000)).toHaveLength(1);
    });

    it('keeps jobs while a server is away and moves them when it is back', async (context) => {
      const { server } = rig.bed;
      if (server === undefined) {
        context.skip('nothing here has a server of its own');
        return;
      }
      const seen = await rig.collect();
      rig.store = rig.openHandingStore();
      rig.relay = rig.start({}, 500);
      const [first] = await rig.record(1);
      await eventually(() => {
        expect(seen).toEqual([first]);
      });
      await server.kill();
      // Where the database is gone too, nothing can be recorded; where it is not, nothing is refused.
      const during = await rig.record(1).catch(() => []);
      rig.relay.wake();
      await server.restart();
      const after = await eventually(() => rig.record(1), { timeoutMs: 20_000 });
      await eventually(
        () => {
          expect([...seen].sort()).toEqual([first, ...during, ...after].sort());
        },
        { timeoutMs: 40_000 },
      );
    });

    it('closes while a server is away', async (context) => {
      const { server } = rig.bed;
      if (server === undefined) {
        context.skip('nothing here has a server of its own');
        return;
      }
      await rig.record(1);
      await server.kill();
      const closing = rig.start();
      closing.wake();
      await closing.close();
      await server.restart();
      await eventually(() => rig.store.ping(), { timeoutMs: 20_000 });
      await eventually(() => rig.queue.ping(), { timeoutMs: 20_000 });
    });
  });
}
