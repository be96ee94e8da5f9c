import { describe, expect, it } from 'vitest';

import { objectUid } from '../../core/delivery/dicom/result-object.js';
import { diagnosticReportId } from '../../core/delivery/fhir/result-bundle.js';
import { SAMPLE_TIME_MS, sampleResult } from '../support/sample-study.js';
import type { StudyStoreBed } from '../support/study-store-bed.js';
import { routes } from '../support/study-store-bed.js';

const NOBODY = '00000000-0000-4000-8000-000000000000';

/** What every study store must do with results and their deliveries. */
export function describeStudyStoreResults(bed: StudyStoreBed): void {
  describe('results and deliveries', () => {
    it('records a result with one delivery for each destination', async () => {
      const { studyId, StudyInstanceUID } = await bed.record();
      await bed.drain();
      const result = sampleResult(StudyInstanceUID, 1, {
        priority: 'stat',
        flagged: true,
        flaggedFindings: ['pneumothorax'],
      });
      expect(await bed.store.recordResult(studyId, result, 1, routes('ris', 'pacs'))).toBe(true);

      const found = await bed.store.findStudy(StudyInstanceUID);
      expect(found?.latestResult).toEqual(result);
      expect(found?.study.assembledActivity).toBe(1);
      expect(found?.deliveries).toMatchObject([
        { destination: 'pacs', state: 'pending', attempts: 0, resultVersion: 1 },
        { destination: 'ris', state: 'pending', attempts: 0, resultVersion: 1 },
      ]);
      const jobs = await bed.outbox();
      expect(jobs.map((job) => job.priorityRank)).toEqual([1, 1]);
      expect(new Set(jobs.map((job) => job.payload))).toEqual(
        new Set(found?.deliveries.map(({ deliveryId }) => ({ deliveryId }))),
      );
      expect(await bed.store.loadResult(studyId, 1)).toEqual(result);
      expect(await bed.store.loadResult(studyId, 2)).toBeUndefined();
    });

    it('records a version once, whoever else tries', async () => {
      const { studyId, StudyInstanceUID } = await bed.record();
      const results = await Promise.all(
        Array.from({ length: 6 }, () =>
          bed
            .openStore()
            .recordResult(studyId, sampleResult(StudyInstanceUID, 1), 1, routes('ris')),
        ),
      );
      expect(results.filter(Boolean)).toHaveLength(1);
      expect((await bed.store.findStudy(StudyInstanceUID))?.deliveries).toHaveLength(1);
      expect((await bed.outbox()).filter((job) => job.name === 'deliver')).toHaveLength(1);
    });

    it('keeps earlier versions and shows the latest', async () => {
      const { studyId, StudyInstanceUID } = await bed.record();
      await bed.store.recordResult(studyId, sampleResult(StudyInstanceUID, 1), 1, []);
      await bed.store.recordResult(
        studyId,
        sampleResult(StudyInstanceUID, 2, { flagged: true, priority: 'urgent' }),
        3,
        routes('ris'),
      );
      const found = await bed.store.findStudy(StudyInstanceUID);
      expect(found?.latestResult).toMatchObject({ resultVersion: 2, amends: 1 });
      expect(found?.study.assembledActivity).toBe(3);
      expect(found?.deliveries).toMatchObject([{ resultVersion: 2 }]);
      expect(await bed.store.loadResult(studyId, 1)).toMatchObject({ resultVersion: 1 });
    });

    it('finds a study and a result by the ids that they have outside', async () => {
      const { studyId, StudyInstanceUID } = await bed.record();
      await bed.record();
      const results = [1, 2].map((version) => sampleResult(StudyInstanceUID, version));
      for (const result of results) {
        await bed.store.recordResult(studyId, result, 1, []);
      }
      const id = diagnosticReportId(StudyInstanceUID);
      expect(await bed.store.findByDiagnosticReport(id)).toBe(StudyInstanceUID);
      expect(await bed.store.findByDiagnosticReport(NOBODY)).toBeUndefined();
      expect(await bed.store.findByDiagnosticReport('no uuid')).toBeUndefined();
      for (const result of results) {
        const { resultVersion } = result;
        expect(await bed.store.findByStructuredReport(objectUid('sr', result))).toEqual({
          StudyInstanceUID,
          resultVersion,
        });
      }
      const other = objectUid('sr', sampleResult(StudyInstanceUID, 3));
      expect(await bed.store.findByStructuredReport(other)).toBeUndefined();
      expect(await bed.store.findByStructuredReport(StudyInstanceUID)).toBeUndefined();
    });

    it('covers activity that changes nothing without a new result', async () => {
      const { studyId, StudyInstanceUID } = await bed.record();
      await bed.store.recordResult(studyId, sampleResult(StudyInstanceUID, 1), 1, []);
      await bed.store.coverActivity(studyId, 4);
      await bed.store.coverActivity(studyId, 2);
      expect((await bed.store.loadStudy(studyId))?.study.assembledActivity).toBe(4);
    });

    it('asks for the assembly of the present activity', async () => {
      const { studyId } = await bed.record();
      await bed.drain();
      await bed.store.requestAssembly(studyId, bed.nowMs + 10);
      expect(await bed.outbox()).toMatchObject([
        { name: 'assemble', payload: { studyId, activity: 1 }, notBeforeMs: bed.nowMs + 10 },
      ]);
      expect(bed.handed).toHaveLength(2);
    });

    it('follows a delivery through failed attempts to its end', async () => {
      const { studyId, StudyInstanceUID } = await bed.record();
      await bed.store.recordResult(studyId, sampleResult(StudyInstanceUID, 1), 1, routes('ris'));
      await bed.drain();
      const deliveryId = (await bed.store.findStudy(StudyInstanceUID))!.deliveries[0]!.deliveryId;

      await bed.store.recordDeliveryAttempt(deliveryId, {
        kind: 'retry',
        error: 'refused',
        nextAttemptAtMs: bed.nowMs + 5_000,
      });
      expect(await bed.store.loadDelivery(deliveryId)).toMatchObject({
        state: 'pending',
        attempts: 1,
        lastError: 'refused',
        nextAttemptAtMs: bed.nowMs + 5_000,
      });
      expect((await bed.store.loadDelivery(deliveryId))?.result()).toMatchObject({
        resultVersion: 1,
        StudyInstanceUID,
      });
      expect(await bed.outbox()).toMatchObject([
        { name: 'deliver', payload: { deliveryId }, notBeforeMs: bed.nowMs + 5_000 },
      ]);

      await bed.store.recordDeliveryAttempt(deliveryId, {
        kind: 'delivered',
        atMs: bed.nowMs + 5_100,
        receipt: { status: 204 },
      });
      const delivered = await bed.store.loadDelivery(deliveryId);
      expect(delivered).toMatchObject({
        state: 'delivered',
        attempts: 2,
        lastError: undefined,
        nextAttemptAtMs: undefined,
        deliveredAtMs: bed.nowMs + 5_100,
        receipt: { status: 204 },
      });
      await bed.store.recordDeliveryAttempt(deliveryId, { kind: 'dead', error: 'late', tell: [] });
      expect(await bed.store.loadDelivery(deliveryId)).toEqual({
        ...delivered,
        result: expect.any(Function) as unknown,
      });
    });

    it('leaves a dead delivery to a person', async () => {
      const { studyId, StudyInstanceUID } = await bed.record();
      await bed.store.recordResult(studyId, sampleResult(StudyInstanceUID, 1), 1, routes('ris'));
      const deliveryId = (await bed.store.findStudy(StudyInstanceUID))!.deliveries[0]!.deliveryId;
      await bed.store.recordDeliveryAttempt(deliveryId, { kind: 'dead', error: 'gone', tell: [] });
      expect(await bed.store.loadDelivery(deliveryId)).toMatchObject({
        state: 'dead',
        lastError: 'gone',
      });
      await bed.drain();
      expect(await bed.store.requeueUnfinished(bed.nowMs + 1e9)).toBe(1);
      expect(await bed.outbox()).toMatchObject([{ name: 'infer' }]);
    });
  });

  describe('deliveries in order', () => {
    const done = { kind: 'delivered', atMs: SAMPLE_TIME_MS, receipt: { status: 200 } } as const;

    async function deliveriesOf(StudyInstanceUID: string) {
      const found = await bed.store.findStudy(StudyInstanceUID);
      return new Map(
        found?.deliveries.map((one) => [`${one.destination} ${one.resultVersion}`, one]),
      );
    }

    it('holds destinations of a higher order back until those of a lower one have ended', async () => {
      const { studyId, StudyInstanceUID } = await bed.record();
      await bed.drain();
      await bed.store.recordResult(studyId, sampleResult(StudyInstanceUID, 1), 1, [
        ...routes('pacs-a', 'pacs-b'),
        { destination: 'ris', order: 5, onlyIfToldBefore: false },
      ]);
      const deliveries = await deliveriesOf(StudyInstanceUID);
      const [a, b, ris] = ['pacs-a 1', 'pacs-b 1', 'ris 1'].map((key) => deliveries.get(key)!);
      expect(ris).toMatchObject({ state: 'waiting', nextAttemptAtMs: undefined });
      expect(await bed.drain()).toHaveLength(2);

      await Promise.all([
        bed.openStore().recordDeliveryAttempt(a!.deliveryId, done),
        bed.openStore().recordDeliveryAttempt(b!.deliveryId, { kind: 'dead', error: '', tell: [] }),
      ]);
      expect(await bed.store.loadDelivery(ris!.deliveryId)).toMatchObject({ state: 'pending' });
      expect(await bed.outbox()).toMatchObject([
        { name: 'deliver', payload: { deliveryId: ris!.deliveryId } },
      ]);
    });

    it('replaces what is still on its way by the newer version', async () => {
      const { studyId, StudyInstanceUID } = await bed.record();
      await bed.store.recordResult(studyId, sampleResult(StudyInstanceUID, 1), 1, routes('ris'));
      await bed.store.recordResult(studyId, sampleResult(StudyInstanceUID, 2), 1, routes('ris'));
      const first = (await deliveriesOf(StudyInstanceUID)).get('ris 1')!;
      expect(first).toMatchObject({ state: 'superseded', nextAttemptAtMs: undefined });
      await bed.store.recordDeliveryAttempt(first.deliveryId, {
        kind: 'retry',
        error: 'refused',
        nextAttemptAtMs: bed.nowMs,
      });
      expect((await bed.store.loadDelivery(first.deliveryId))?.state).toBe('superseded');
      await bed.store.recordDeliveryAttempt(first.deliveryId, done);
      expect((await bed.store.loadDelivery(first.deliveryId))?.state).toBe('delivered');
    });

    it('sends an amended result that a filter leaves out to those that had the earlier one', async () => {
      const { studyId, StudyInstanceUID } = await bed.record();
      await bed.store.recordResult(studyId, sampleResult(StudyInstanceUID, 1), 1, routes('ris'));
      await bed.store.recordResult(
        studyId,
        sampleResult(StudyInstanceUID, 2),
        1,
        routes('ris', 'pacs').map((route) => ({ ...route, onlyIfToldBefore: true })),
      );
      expect([...(await deliveriesOf(StudyInstanceUID)).keys()].sort()).toEqual(['ris 1', 'ris 2']);
    });

    it('counts no attempt when a destination is left alone', async () => {
      const { studyId, StudyInstanceUID } = await bed.record();
      await bed.store.recordResult(studyId, sampleResult(StudyInstanceUID, 1), 1, routes('ris'));
      await bed.drain();
      const { deliveryId } = (await deliveriesOf(StudyInstanceUID)).get('ris 1')!;
      const pause = { kind: 'pause', nextAttemptAtMs: bed.nowMs + 9_000 } as const;
      await bed.store.recordDeliveryAttempt(deliveryId, pause);
      expect(await bed.store.loadDelivery(deliveryId)).toMatchObject({
        state: 'pending',
        attempts: 0,
        nextAttemptAtMs: bed.nowMs + 9_000,
      });
      expect(await bed.outbox()).toMatchObject([
        { name: 'deliver', notBeforeMs: bed.nowMs + 9_000 },
      ]);
    });

    it('tells others once of a delivery that has failed for good', async () => {
      const { studyId, StudyInstanceUID } = await bed.record();
      await bed.store.recordResult(studyId, sampleResult(StudyInstanceUID, 1), 1, routes('pacs'));
      const { deliveryId } = (await deliveriesOf(StudyInstanceUID)).get('pacs 1')!;
      await bed.drain();
      await bed.store.recordDeliveryAttempt(deliveryId, {
        kind: 'dead',
        error: 'refused',
        tell: ['alarm'],
      });
      const alarm = (await deliveriesOf(StudyInstanceUID)).get('alarm 1');
      expect(alarm).toMatchObject({ state: 'pending', failedDeliveryId: deliveryId });
      expect(await bed.outbox()).toMatchObject([{ payload: { deliveryId: alarm!.deliveryId } }]);
    });
  });
}
