import { describe, expect, it } from 'vitest';

import type { RecordInstanceResult } from '../../core/storage/study-store.js';
import {
  newUid,
  sampleInstance,
  sampleOutcome,
  sampleResult,
  sampleTimes,
} from '../support/sample-study.js';
import type { StudyStoreBed } from '../support/study-store-bed.js';
import { ids, routes } from '../support/study-store-bed.js';

/** What every study store must do to hand work on, once and again. */
export function describeStudyStoreWork(bed: StudyStoreBed): void {
  describe('outbox', () => {
    it('gives the most urgent jobs first and of these the oldest', async () => {
      const routine = await bed.record();
      const stat = await bed.record({ requestedPriority: 'stat' });
      const later = await bed.record();
      expect((await bed.outbox()).map((job) => job.payload)).toEqual([
        { instanceId: stat.instanceId },
        { instanceId: routine.instanceId },
        { instanceId: later.instanceId },
      ]);
    });

    it('leases a job to one relay, and to the next when the lease has run out', async () => {
      await bed.record();
      const first = await bed.store.claimJobs(10, bed.nowMs + 1_000);
      expect(first).toHaveLength(1);
      expect(await bed.store.claimJobs(10, bed.nowMs + 1_000)).toEqual([]);
      bed.nowMs += 1_000;
      expect(await bed.store.claimJobs(10, bed.nowMs + 1_000)).toEqual(first);
    });

    it('shares jobs among relays that claim at once', async () => {
      for (let index = 0; index < 20; index += 1) {
        await bed.record();
      }
      const claims = await Promise.all(
        Array.from({ length: 5 }, () => bed.openStore().claimJobs(4, bed.nowMs + 1_000)),
      );
      const claimed = claims.flat().map((job) => job.id);
      expect(new Set(claimed).size).toBe(claimed.length);
      const rest = await bed.outbox();
      expect(claimed.length + rest.length).toBe(20);
    });

    it('forgets completed jobs and notes when an instance was first queued', async () => {
      const { instanceId } = await bed.record();
      const jobs = await bed.outbox();
      await bed.store.completeJobs(ids(jobs), bed.nowMs + 20);
      await bed.store.completeJobs(ids(jobs), bed.nowMs + 30);
      expect(await bed.store.loadInstance(instanceId)).toMatchObject({
        queuedAtMs: bed.nowMs + 20,
      });
      bed.nowMs += 1e9;
      expect(await bed.outbox()).toEqual([]);
      await bed.store.completeJobs([], bed.nowMs);
    });

    it('survives many transactions at once on the same studies', async () => {
      const studies = [newUid(), newUid()];
      const stores = Array.from({ length: 4 }, () => bed.openStore());
      await Promise.all(
        stores.map(async (own, number) => {
          for (let index = 0; index < 12; index += 1) {
            const StudyInstanceUID = studies[(index + number) % 2]!;
            const recorded = await own.recordInstance(sampleInstance({ StudyInstanceUID }));
            const { studyId } = recorded as Extract<RecordInstanceResult, { kind: 'stored' }>;
            await own.recordOutcome(recorded.instanceId, sampleOutcome, sampleTimes, 0);
            await own.requeueUnfinished(bed.nowMs + 1);
            await own.completeJobs(ids(await own.claimJobs(5, bed.nowMs + 60_000)), bed.nowMs);
            const version = ((await own.loadStudy(studyId))?.latestResult?.resultVersion ?? 0) + 1;
            await own.recordResult(
              studyId,
              sampleResult(StudyInstanceUID, version),
              1,
              routes('ris'),
            );
            await own.holdStudy(studyId, 0);
          }
        }),
      );
      for (const StudyInstanceUID of studies) {
        const found = await bed.store.findStudy(StudyInstanceUID);
        expect(found?.study.activity).toBe(48);
        expect(found?.instances.every((instance) => instance.outcome !== undefined)).toBe(true);
        expect(found?.deliveries).toHaveLength(found!.latestResult!.resultVersion);
      }
    });
  });

  describe('requeueing the unfinished', () => {
    it('hands over few jobs, and leaves many in the outbox for whoever it wakes', async () => {
      for (let index = 0; index < 101; index += 1) {
        await bed.record();
      }
      await bed.drain();
      bed.handed.length = 0;
      bed.nowMs += 60_000;
      expect(await bed.store.requeueUnfinished(bed.nowMs - 30_000)).toBe(101);
      expect(bed.handed).toEqual([]);
      expect(bed.wakeUps).toBe(1);
      expect(await bed.store.claimJobs(200, bed.nowMs)).toHaveLength(101);
    });

    it('asks again for instances without outcome, once a quiet period', async () => {
      const { instanceId } = await bed.record({ requestedPriority: 'urgent' });
      await bed.drain();
      expect(await bed.store.requeueUnfinished(bed.nowMs)).toBe(0);
      bed.nowMs += 60_000;
      expect(await bed.store.requeueUnfinished(bed.nowMs - 30_000)).toBe(1);
      expect(await bed.store.requeueUnfinished(bed.nowMs - 30_000)).toBe(0);
      expect(await bed.outbox()).toMatchObject([
        { name: 'infer', payload: { instanceId }, priorityRank: 2 },
      ]);
      expect(bed.handed).toHaveLength(2);
    });

    it('asks again for a study whose result lags, unless an instance or a sender is not done', async () => {
      const { instanceId, studyId, StudyInstanceUID } = await bed.record();
      await bed.finish(instanceId);
      const unfinished = await bed.record({ StudyInstanceUID, receivedAtMs: bed.nowMs });
      await bed.drain();
      bed.nowMs += 60_000;
      await bed.store.requeueUnfinished(bed.nowMs);
      expect(await bed.drain()).toMatchObject([
        { name: 'infer', payload: { instanceId: unfinished.instanceId } },
      ]);

      await bed.finish(unfinished.instanceId);
      await bed.drain();
      bed.nowMs += 60_000;
      await bed.store.holdStudy(studyId, bed.nowMs + 5_000);
      expect(await bed.store.requeueUnfinished(bed.nowMs)).toBe(0);
      bed.nowMs += 10_000;
      expect(await bed.store.requeueUnfinished(bed.nowMs)).toBe(1);
      expect(await bed.outbox()).toMatchObject([
        { name: 'assemble', payload: { studyId, activity: 4 } },
      ]);
    });

    it('asks again for deliveries that are due', async () => {
      const { instanceId, studyId, StudyInstanceUID } = await bed.record();
      await bed.finish(instanceId);
      await bed.store.recordResult(studyId, sampleResult(StudyInstanceUID, 1), 2, routes('ris'));
      const deliveryId = (await bed.store.findStudy(StudyInstanceUID))!.deliveries[0]!.deliveryId;
      await bed.store.recordDeliveryAttempt(deliveryId, {
        kind: 'retry',
        error: 'refused',
        nextAttemptAtMs: bed.nowMs + 3_600_000,
      });
      await bed.drain();
      bed.nowMs += 60_000;
      expect(await bed.store.requeueUnfinished(bed.nowMs)).toBe(0);
      bed.nowMs += 3_600_000;
      expect(await bed.store.requeueUnfinished(bed.nowMs)).toBe(1);
      expect(await bed.outbox()).toMatchObject([{ name: 'deliver', payload: { deliveryId } }]);
    });

    it('leaves finished work alone', async () => {
      const { instanceId, studyId, StudyInstanceUID } = await bed.record();
      await bed.finish(instanceId);
      await bed.store.recordResult(studyId, sampleResult(StudyInstanceUID, 1), 2, []);
      bed.nowMs += 1e9;
      expect(await bed.store.requeueUnfinished(bed.nowMs)).toBe(0);
    });
  });
}
