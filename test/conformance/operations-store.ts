import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import {
  sampleInstance,
  sampleOutcome,
  sampleResult,
  sampleTimes,
} from '../support/sample-study.js';
import { createStoreBed, FAILED, TO_HOOK, type StoreBed } from '../support/stored-study.js';
import type { TestDatabase } from '../support/test-database.js';

const REQUEST = { actor: 'admin', reason: 'a new model' };
const HOUR_MS = 3_600_000;

/** What every operations store must do. `open` gives a database for the whole suite. */
export function describeOperationsStore(name: string, open: () => Promise<TestDatabase>): void {
  describe(`operations store: ${name}`, () => {
    let database: TestDatabase;
    let bed: StoreBed;

    beforeAll(async () => {
      database = await open();
    });
    afterAll(() => database.close());
    beforeEach(async () => {
      await database.empty();
      bed = createStoreBed(database);
    });

    const audited = async () => {
      const { rows } = await database.pool.query(
        'SELECT actor, action FROM audit_log ORDER BY entry',
      );
      return rows as unknown;
    };

    describe('reprocessing', () => {
      it('takes the outcomes back, queues the images again, and tells the next result why', async () => {
        const { store, operations } = bed;
        const study = await bed.finishedStudy(sampleOutcome);
        bed.nowMs += HOUR_MS;
        expect(await operations.reprocess(study.StudyInstanceUID, REQUEST)).toEqual({
          kind: 'requested',
          studyId: study.studyId,
          instances: 1,
        });
        expect(await store.loadInstance(study.instanceId)).toMatchObject({
          outcome: undefined,
          queuedAtMs: undefined,
          askedForAtMs: bed.nowMs,
        });
        expect(await bed.drain()).toMatchObject([
          { name: 'infer', payload: { instanceId: study.instanceId } },
        ]);
        const before = await store.loadStudy(study.studyId);
        expect(before?.study.reprocessing).toMatchObject({
          reason: REQUEST.reason,
          requestedBy: REQUEST.actor,
        });
        await store.recordOutcome(study.instanceId, sampleOutcome, sampleTimes, 0);
        const activity = (await store.loadStudy(study.studyId))?.study.activity ?? 0;
        const second = {
          ...sampleResult(study.StudyInstanceUID, 2),
          revision: { cause: 'reprocessing' as const },
        };
        expect(await store.recordResult(study.studyId, second, activity, [])).toBe(true);
        const after = await store.loadStudy(study.studyId);
        expect(after?.study.reprocessing).toBeUndefined();
        expect(after?.latestResult?.resultVersion).toBe(2);
        expect(await audited()).toEqual([{ actor: 'admin', action: 'reprocess' }]);
      });

      it('is refused for a study that is unknown, unfinished or purged', async () => {
        const { store, operations } = bed;
        expect(await operations.reprocess('1.2.3', REQUEST)).toEqual({ kind: 'not-found' });
        const instance = sampleInstance();
        await store.recordInstance(instance);
        const { StudyInstanceUID } = instance.identity;
        expect(await operations.reprocess(StudyInstanceUID, REQUEST)).toEqual({
          kind: 'analysing',
        });
        const study = await bed.finishedStudy(sampleOutcome);
        await store.recordDeliveryAttempt(study.deliveryId, {
          kind: 'delivered',
          atMs: bed.nowMs,
          receipt: {},
        });
        bed.nowMs += HOUR_MS;
        await operations.purge({ storedBeforeMs: bed.nowMs, limit: 10 }, 'age');
        expect(await operations.reprocess(study.StudyInstanceUID, REQUEST)).toEqual({
          kind: 'purged',
        });
      });
    });

    describe('dead letters', () => {
      it('are deliveries that were given up, replayed under the same id', async () => {
        const { store, operations } = bed;
        const { deliveryId, StudyInstanceUID } = await bed.finishedStudy(sampleOutcome);
        await store.recordDeliveryAttempt(deliveryId, {
          kind: 'dead',
          error: 'delivery-gone: 410',
          tell: [],
        });
        expect(await operations.listDeadLetters({ limit: 10 })).toMatchObject([
          {
            id: deliveryId,
            kind: 'delivery',
            StudyInstanceUID,
            destination: 'hook',
            resultVersion: 1,
            attempts: 1,
            error: 'delivery-gone: 410',
          },
        ]);
        expect(await operations.listDeadLetters({ limit: 10, destination: 'other' })).toEqual([]);
        expect(await operations.replayDeadLetter(deliveryId, REQUEST)).toBe(true);
        expect(await store.loadDelivery(deliveryId)).toMatchObject({
          state: 'pending',
          attempts: 0,
        });
        expect(await bed.drain()).toMatchObject([{ name: 'deliver', payload: { deliveryId } }]);
        expect(await operations.replayDeadLetter(deliveryId, REQUEST)).toBe(false);
        expect(await audited()).toEqual([{ actor: 'admin', action: 'replay' }]);
      });

      it('leave a destination that is gone closed over a start, until its address changes', async () => {
        const { store, operations } = bed;
        const started = (fingerprint: string) =>
          operations.openMovedDestinations(new Map([['hook', fingerprint]]));
        const closed = async () =>
          (await operations.closedDestinations()).map(({ destination }) => destination);
        await started('here');
        const { deliveryId } = await bed.finishedStudy(sampleOutcome);
        await store.recordDeliveryAttempt(deliveryId, {
          kind: 'dead',
          error: 'delivery-gone: 410',
          closes: true,
          tell: [],
        });
        await started('here');
        expect(await closed()).toEqual(['hook']);
        await started('there');
        expect(await closed()).toEqual([]);
        expect(await audited()).toEqual([{ actor: 'system', action: 'open-destination' }]);
      });

      it('are no longer such when a newer version goes to the same destination', async () => {
        const { store, operations } = bed;
        const { deliveryId, studyId, StudyInstanceUID } = await bed.finishedStudy(sampleOutcome);
        await store.recordDeliveryAttempt(deliveryId, { kind: 'dead', error: 'x', tell: [] });
        await store.recordResult(studyId, sampleResult(StudyInstanceUID, 2), 99, [TO_HOOK]);
        expect(await operations.listDeadLetters({ limit: 10 })).toEqual([]);
        expect(await operations.replayDelivery(deliveryId, REQUEST)).toBe('outdated');
      });

      it('are images whose processing failed, which are then processed again', async () => {
        const { operations } = bed;
        await bed.finishedStudy(sampleOutcome);
        const { instanceId } = await bed.finishedStudy(FAILED);
        expect(await operations.listDeadLetters({ limit: 10, kind: 'instance' })).toMatchObject([
          { id: instanceId, kind: 'instance' },
        ]);
        expect(await operations.findDeadLetter(instanceId)).toMatchObject({ error: FAILED.detail });
        expect(await operations.replayDeadLetter(instanceId, REQUEST)).toBe(true);
        expect(await bed.drain()).toMatchObject([{ name: 'infer', payload: { instanceId } }]);
        expect(await operations.findDeadLetter(instanceId)).toBeUndefined();
      });

      it('are parked jobs, which the sweep leaves alone until they are replayed', async () => {
        const { store, operations } = bed;
        const stored = await store.recordInstance(sampleInstance());
        await bed.drain();
        const job = { name: 'infer', subjectId: stored.instanceId, attempts: 1 } as const;
        await operations.parkJob({ ...job, error: 'internal' });
        await operations.parkJob({ ...job, error: 'internal: again' });
        bed.nowMs += HOUR_MS;
        expect(await store.requeueUnfinished(bed.nowMs)).toBe(0);
        const [found] = await operations.listDeadLetters({ limit: 10 });
        expect(found).toMatchObject({ kind: 'job', jobName: 'infer', error: 'internal: again' });
        expect(await operations.replayDeadLetter(found?.id ?? '', REQUEST)).toBe(true);
        expect(await bed.drain()).toMatchObject([
          { name: 'infer', payload: { instanceId: stored.instanceId } },
        ]);
        expect(await operations.replayDeadLetter(randomUUID(), REQUEST)).toBe(false);
      });
    });

    describe('deliveries', () => {
      it('are listed newest first, in pages, by state, destination and study', async () => {
        const { store, operations } = bed;
        const old = await bed.finishedStudy(sampleOutcome);
        bed.nowMs += HOUR_MS;
        const young = await bed.finishedStudy(sampleOutcome);
        await store.recordDeliveryAttempt(old.deliveryId, { kind: 'dead', error: 'x', tell: [] });
        const first = await operations.listDeliveries({ limit: 1 });
        expect(first.deliveries).toMatchObject([{ deliveryId: young.deliveryId }]);
        const second = await operations.listDeliveries({ limit: 1, cursor: first.nextCursor });
        const { StudyInstanceUID } = old;
        expect(second).toMatchObject({
          deliveries: [{ deliveryId: old.deliveryId, StudyInstanceUID, lastError: 'x' }],
          nextCursor: undefined,
        });
        for (const query of [{ state: 'dead' }, { StudyInstanceUID }] as const) {
          const { deliveries } = await operations.listDeliveries({ limit: 9, ...query });
          expect(deliveries).toMatchObject([{ deliveryId: old.deliveryId }]);
        }
        const elsewhere = await operations.listDeliveries({ limit: 9, destination: 'other' });
        expect(elsewhere.deliveries).toEqual([]);
        await expect(operations.listDeliveries({ limit: 9, cursor: 'x' })).rejects.toMatchObject({
          code: 'request-invalid',
        });
      });

      it('that have ended are sent again under the same id; others are not', async () => {
        const { store, operations } = bed;
        const { deliveryId } = await bed.finishedStudy(sampleOutcome);
        expect(await operations.replayDelivery(randomUUID(), REQUEST)).toBe('not-found');
        expect(await operations.replayDelivery(deliveryId, REQUEST)).toBe('on-its-way');
        const delivered = { kind: 'delivered', atMs: bed.nowMs, receipt: {} } as const;
        await store.recordDeliveryAttempt(deliveryId, delivered);
        expect(await operations.replayDelivery(deliveryId, REQUEST)).toBe('replayed');
        expect(await bed.drain()).toMatchObject([{ name: 'deliver', payload: { deliveryId } }]);
        expect(await store.loadDelivery(deliveryId)).toMatchObject({
          state: 'pending',
          attempts: 0,
        });
        expect(await audited()).toEqual([{ actor: 'admin', action: 'replay' }]);
      });

      it('that wait for their next attempt are tried at once, with all their attempts', async () => {
        const { store, operations } = bed;
        const { deliveryId } = await bed.finishedStudy(sampleOutcome);
        const nextAttemptAtMs = bed.nowMs + HOUR_MS;
        await store.recordDeliveryAttempt(deliveryId, {
          kind: 'retry',
          error: 'x',
          nextAttemptAtMs,
        });
        await bed.drain();
        expect(await operations.replayDelivery(deliveryId, REQUEST)).toBe('replayed');
        expect(await store.loadDelivery(deliveryId)).toMatchObject({
          state: 'pending',
          attempts: 0,
          nextAttemptAtMs: bed.nowMs,
        });
        expect(await bed.drain()).toMatchObject([{ name: 'deliver', payload: { deliveryId } }]);
        expect(await operations.replayDelivery(deliveryId, REQUEST)).toBe('on-its-way');
      });

      it('close a destination that says that it is gone, until a person opens it', async () => {
        const { store, operations } = bed;
        const gone = { kind: 'dead', error: 'delivery-gone', tell: [], closes: true } as const;
        const [one, two] = [
          await bed.finishedStudy(sampleOutcome),
          await bed.finishedStudy(sampleOutcome),
        ];
        const closed = async () => (await store.loadDelivery(two.deliveryId))?.destinationClosed;
        expect(await closed()).toBe(false);
        await store.recordDeliveryAttempt(one.deliveryId, gone);
        expect(await closed()).toBe(true);
        expect(await operations.closedDestinations()).toEqual([
          { destination: 'hook', closedAtMs: bed.nowMs },
        ]);
        expect(await operations.openDestination('hook', REQUEST)).toBe(true);
        expect(await operations.openDestination('hook', REQUEST)).toBe(false);
        expect(await closed()).toBe(false);
        await store.recordDeliveryAttempt(two.deliveryId, gone);
        expect(await operations.replayDelivery(one.deliveryId, REQUEST)).toBe('replayed');
        expect(await operations.closedDestinations()).toEqual([]);
      });
    });

    it('counts what waits and since when', async () => {
      const { store, operations } = bed;
      const receivedAtMs = bed.nowMs - HOUR_MS;
      await store.recordInstance(sampleInstance({ receivedAtMs }));
      await bed.drain();
      await store.recordInstance(sampleInstance());
      const { deliveryId } = await bed.finishedStudy(sampleOutcome);
      await store.recordDeliveryAttempt(deliveryId, { kind: 'dead', error: 'x', tell: [] });
      await bed.finishedStudy(FAILED);
      expect(await operations.census()).toMatchObject({
        instances: {
          received: { count: 0 },
          queued: { count: 2, oldestAtMs: receivedAtMs },
        },
        studies: { analysing: { count: 2 } },
        deliveries: { pending: { count: 1 }, dead: { count: 1, oldestAtMs: bed.nowMs } },
        outbox: { count: 0, oldestAtMs: undefined },
        failedInstances: { count: 1, oldestAtMs: sampleTimes.inferEndAtMs },
        parkedJobs: { count: 0 },
      });
    });

    it('counts storage commitment that no archive reported on, until it has or a newer result is there', async () => {
      const { store, operations, sentCommitments } = bed;
      const unreported = async () => (await operations.census()).unreportedCommitments;
      const requested = {
        kind: 'delivered',
        atMs: 0,
        receipt: { commitment: 'requested' },
      } as const;
      const [one, two] = [
        await bed.finishedStudy(sampleOutcome),
        await bed.finishedStudy(sampleOutcome),
      ];
      const askedAtMs = bed.nowMs;
      await sentCommitments.open(one.deliveryId, '2.25.1');
      // The delivery still waits for it.
      expect(await unreported()).toEqual({ count: 0, oldestAtMs: undefined });
      await store.recordDeliveryAttempt(one.deliveryId, requested);
      bed.nowMs += HOUR_MS;
      await sentCommitments.open(two.deliveryId, '2.25.2');
      await store.recordDeliveryAttempt(two.deliveryId, requested);
      expect(await unreported()).toEqual({ count: 2, oldestAtMs: askedAtMs });

      const report = { committedCount: 1, failedCount: 0, failureReason: undefined };
      await sentCommitments.report('2.25.1', report);
      expect(await unreported()).toEqual({ count: 1, oldestAtMs: bed.nowMs });

      await operations.reprocess(two.StudyInstanceUID, REQUEST);
      await store.recordOutcome(two.instanceId, sampleOutcome, sampleTimes, 0);
      const study = await store.loadStudy(two.studyId);
      await store.recordResult(
        two.studyId,
        sampleResult(two.StudyInstanceUID, 2),
        study?.study.activity ?? 0,
        [],
      );
      expect(await unreported()).toEqual({ count: 0, oldestAtMs: undefined });
    });

    describe('purging', () => {
      it('takes the oldest finished studies of which nothing waits, and keeps their results', async () => {
        const { store, operations } = bed;
        const waiting = await bed.finishedStudy(sampleOutcome);
        const delivered = await bed.finishedStudy(sampleOutcome);
        await store.recordDeliveryAttempt(delivered.deliveryId, {
          kind: 'delivered',
          atMs: 0,
          receipt: {},
        });
        bed.nowMs += HOUR_MS;
        const young = await bed.finishedStudy(sampleOutcome);
        await store.recordDeliveryAttempt(young.deliveryId, {
          kind: 'delivered',
          atMs: 0,
          receipt: {},
        });
        const query = { storedBeforeMs: bed.nowMs, limit: 10 };
        expect(await operations.purge(query, 'age')).toEqual({
          studies: 1,
          objectKeys: [delivered.objectKey],
        });
        expect(await operations.purge(query, 'age')).toEqual({ studies: 0, objectKeys: [] });
        const keys = [waiting.objectKey, delivered.objectKey, young.objectKey];
        expect(await operations.purgedObjectKeys(keys)).toEqual([delivered.objectKey]);
        expect((await store.findStudy(delivered.StudyInstanceUID))?.latestResult).toBeDefined();
        expect(await audited()).toEqual([{ actor: 'retention', action: 'purge' }]);
      });

      it('begins anew when a purged image is sent again', async () => {
        const { store, operations } = bed;
        const instance = sampleInstance({ receivedAtMs: bed.nowMs });
        const stored = await store.recordInstance(instance);
        await store.recordOutcome(stored.instanceId, sampleOutcome, sampleTimes, 0);
        const studyId = stored.kind === 'conflict' ? '' : stored.studyId;
        await store.coverActivity(studyId, 2);
        bed.nowMs += HOUR_MS;
        const query = { storedBeforeMs: bed.nowMs, limit: 10 };
        expect((await operations.purge(query, 'age')).studies).toBe(1);
        const again = await store.recordInstance({ ...instance, receivedAtMs: bed.nowMs });
        expect(again.kind).toBe('duplicate');
        expect(await operations.purgedObjectKeys([instance.objectKey])).toEqual([]);
        expect((await operations.purge(query, 'age')).studies).toBe(0);
      });
    });
  });
}
