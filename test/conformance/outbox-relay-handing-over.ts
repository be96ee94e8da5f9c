import { setTimeout as sleep } from 'node:timers/promises';

import { describe, expect, it, onTestFinished } from 'vitest';

import { createAddressGuard } from '../../adapters/network/address-guard.js';
import { HANDED_OVER_LEASE_MS } from '../../adapters/queue/outbox-relay.js';
import { createWebhookSink } from '../../adapters/webhook/webhook-sink.js';
import { createLane } from '../../core/delivery/lane.js';
import type { NewJob } from '../../core/jobs/jobs.js';
import { deliverResult } from '../../core/use-cases/deliver-result.js';
import { eventually } from '../support/eventually.js';
import { collectInstances, inferJob } from '../support/queue-suite.js';
import { sampleInstance, sampleOutcome, sampleTimes } from '../support/sample-study.js';
import { FAILED, recordFinishedStudy, TO_HOOK } from '../support/stored-study.js';
import { startWebhookReceiver } from '../support/webhook-receiver.js';
import { createRelayRig, FOREVER_MS } from './outbox-relay-rig.js';
import type { RelayBed } from './outbox-relay-rig.js';

/** What it does with jobs that a worker of the same process may do without the queue. */
export function describeHandingOver(name: string, open: () => Promise<RelayBed>): void {
  describe(`outbox relay, handing over: ${name}`, () => {
    const rig = createRelayRig(open);

    it.each([2_000, 300_000])(
      'leaves to the queue a job that is due in %i ms, also when a worker of this process has room',
      async (dueInMs) => {
        const seen = await collectInstances(rig.queue, 4, { takesHandedOver: true });
        const { enqueued, handedOver, watching } = rig.watchQueue();
        rig.relay = rig.start({ queue: watching });
        const job = { ...inferJob(), notBeforeMs: Date.now() + dueInMs };
        rig.relay.take([job], Date.now() + FOREVER_MS);
        await eventually(async () => {
          expect(await rig.queue.depth('infer')).toMatchObject({
            waiting: 0,
            active: 0,
            delayed: 1,
          });
        });
        expect(seen).toEqual([]);
        await rig.relay.close();
        expect(enqueued).toEqual([job]);
        expect(handedOver).toEqual([]);
      },
    );

    it('does not hand over an assembly before its study has been quiet for more than a second', async () => {
      const startedAtMs: number[] = [];
      await rig.queue.work(
        'assemble',
        () => {
          startedAtMs.push(Date.now());
          return Promise.resolve();
        },
        { concurrency: 4, takesHandedOver: true },
      );
      const { enqueued, handedOver, watching } = rig.watchQueue();
      rig.store = rig.openHandingStore();
      rig.relay = rig.start({ queue: watching });
      const receivedAtMs = Date.now();
      const { instanceId } = await rig.store.recordInstance(sampleInstance({ receivedAtMs }));
      await rig.store.recordOutcome(instanceId, sampleOutcome, sampleTimes, 3_000);
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
      await rig.queue.work(
        'deliver',
        async ({ deliveryId }) => {
          attempts.push((await deliverResult({ ...deps, store: rig.store }, deliveryId)).kind);
        },
        { concurrency: 4, takesHandedOver: true },
      );
      const { enqueued, handedOver, watching } = rig.watchQueue();
      rig.store = rig.openHandingStore();
      rig.relay = rig.start({ queue: watching });
      const { deliveryId } = await recordFinishedStudy(rig.store, Date.now(), FAILED);
      await eventually(() => {
        expect(attempts).toEqual(['retry', 'delivered']);
      });
      const deliveries = (jobs: readonly NewJob[]) => jobs.filter(({ name }) => name === 'deliver');
      expect(deliveries(handedOver)).toHaveLength(1);
      expect(deliveries(enqueued)).toMatchObject([{ payload: { deliveryId } }]);
      expect(receiver.received).toHaveLength(1);
    });

    it('leaves to the queue what it keeps when it closes, also when a worker of this process has room', async () => {
      await collectInstances(rig.queue, 4, { takesHandedOver: true });
      const { enqueued, handedOver, watching } = rig.watchQueue();
      rig.relay = rig.start({ queue: watching });
      const job = { ...inferJob(), notBeforeMs: Date.now() + 900 };
      rig.relay.take([job], Date.now() + FOREVER_MS);
      await rig.relay.close();
      expect(enqueued).toEqual([job]);
      expect(handedOver).toEqual([]);
    });

    it('has a worker of this process do what was handed over, without the queue', async () => {
      const seen = await collectInstances(rig.queue, 4, { takesHandedOver: true });
      const { enqueued, watching } = rig.watchQueue();
      rig.store = rig.openHandingStore();
      rig.relay = rig.start({ queue: watching });
      const ids = await rig.record(2);
      await eventually(() => {
        expect(seen).toEqual(ids);
      });
      await rig.relay.close();
      expect(enqueued).toEqual([]);
      await rig.expectEmptyOutbox();
    });

    it.each([
      ['fails', () => Promise.reject(new Error('the database is away')), 500],
      ['wants to do again later', () => Promise.resolve({ repeatAfterMs: 20 }), 20],
    ])('brings to the queue what a worker of this process %s', async (_what, first, delayMs) => {
      const seen: string[] = [];
      await rig.queue.work(
        'infer',
        ({ instanceId }) => {
          seen.push(instanceId);
          return seen.length === 1 ? first() : Promise.resolve(undefined);
        },
        { concurrency: 1, takesHandedOver: true },
      );
      const { enqueued, watching } = rig.watchQueue();
      rig.store = rig.openHandingStore();
      rig.relay = rig.start({ queue: watching });
      const startedAtMs = Date.now();
      const [instanceId] = await rig.record(1);
      await eventually(() => {
        expect(seen).toEqual([instanceId, instanceId]);
      });
      await rig.relay.close();
      expect(enqueued).toMatchObject([{ payload: { instanceId } }]);
      expect(enqueued[0]!.notBeforeMs! - startedAtMs).toBeGreaterThanOrEqual(delayMs);
      await rig.expectEmptyOutbox();
    });

    it('keeps from others what takes a worker of this process longer than a lease', async () => {
      let nowMs = Date.now();
      let finish: () => void = () => undefined;
      const finished = new Promise<undefined>((resolve) => {
        finish = () => {
          resolve(undefined);
        };
      });
      await rig.queue.work('infer', () => finished, { concurrency: 1, takesHandedOver: true });
      const { enqueued, watching } = rig.watchQueue();
      rig.store = rig.openHandingStore(() => nowMs);
      rig.relay = rig.start({ queue: watching, clock: () => nowMs }, 20);
      await rig.record(1);
      for (let look = 0; look < 5; look += 1) {
        nowMs += HANDED_OVER_LEASE_MS / 2;
        await eventually(async () => {
          expect(await rig.leasedUntilMs()).toBeGreaterThanOrEqual(nowMs + HANDED_OVER_LEASE_MS);
        });
        expect(await rig.store.claimJobs(10, nowMs)).toEqual([]);
      }
      const closing = rig.relay.close();
      nowMs += HANDED_OVER_LEASE_MS / 2;
      await eventually(async () => {
        expect(await rig.leasedUntilMs()).toBeGreaterThanOrEqual(nowMs + HANDED_OVER_LEASE_MS);
      });
      // Another process that has claimed it meanwhile keeps it.
      const claimedUntil = new Date(nowMs + 1_000);
      await rig.bed.database.pool.query('UPDATE outbox SET leased_until = $1', [claimedUntil]);
      await sleep(200);
      expect(await rig.leasedUntilMs()).toBe(claimedUntil.getTime());
      finish();
      await closing;
      expect(enqueued).toEqual([]);
      await rig.expectEmptyOutbox();
    });

    it('brings to the queue what it finds, also when a worker of this process has room', async () => {
      const ids = await rig.record(2);
      const seen = await collectInstances(rig.queue, 4, { takesHandedOver: true });
      const { enqueued, watching } = rig.watchQueue();
      rig.relay = rig.start({ queue: watching });
      await eventually(() => {
        expect([...seen].sort()).toEqual([...ids].sort());
      });
      expect(enqueued).toHaveLength(2);
    });
  });
}
