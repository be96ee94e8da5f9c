import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { createStudyStore } from '../../adapters/database/study-store/study-store.js';
import { objectUid } from '../../core/delivery/dicom/result-object.js';
import { diagnosticReportId } from '../../core/delivery/fhir/result-bundle.js';
import type { NewJob } from '../../core/jobs/jobs.js';
import type {
  DeliveryRoute,
  RecordInstanceResult,
  StudyStore,
} from '../../core/storage/study-store.js';
import {
  newUid,
  SAMPLE_TIME_MS,
  sampleInstance,
  sampleOutcome,
  sampleResult,
  sampleTimes,
} from '../support/sample-study.js';
import type { SampleInstance } from '../support/sample-study.js';
import type { TestDatabase } from '../support/test-database.js';

const NOBODY = '00000000-0000-4000-8000-000000000000';
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** What every study store must do. `open` gives a database for the whole suite. */
export function describeStudyStore(name: string, open: () => Promise<TestDatabase>): void {
  describe(`study store: ${name}`, () => {
    let database: TestDatabase;
    let store: StudyStore;
    let nowMs: number;
    let wakeUps: number;

    beforeAll(async () => {
      database = await open();
    });
    afterAll(() => database.close());

    beforeEach(async () => {
      await database.empty();
      nowMs = SAMPLE_TIME_MS;
      wakeUps = 0;
      store = openStore();
    });

    /** Another process on the same database, as far as the database can tell. */
    function openStore(): StudyStore {
      return createStudyStore(
        { pool: database.pool, clock: () => nowMs },
        { onOutbox: () => (wakeUps += 1) },
      );
    }

    async function record(sample: SampleInstance = {}) {
      const instance = sampleInstance(sample);
      const result = await store.recordInstance(instance);
      if (result.kind !== 'stored') {
        expect.unreachable(`the instance is a ${result.kind}`);
      }
      return { ...result, instance, StudyInstanceUID: instance.identity.StudyInstanceUID };
    }

    /** Everything in the outbox, in its order. */
    const outbox = () => store.claimJobs(1_000, nowMs + 60_000);
    /** The same, moved on. */
    const drain = async () => {
      const jobs = await outbox();
      await store.completeJobs(
        jobs.map((job) => job.id),
        nowMs,
      );
      return jobs;
    };
    const finish = (instanceId: string, quietMs = 0) =>
      store.recordOutcome(instanceId, sampleOutcome, sampleTimes, quietMs);

    describe('recording an instance', () => {
      it('stores the instance, its study and the job to infer it', async () => {
        const instance = sampleInstance({ requestedPriority: 'urgent' });
        const stored = await store.recordInstance(instance);
        expect(stored).toMatchObject({
          kind: 'stored',
          instanceId: expect.stringMatching(UUID) as string,
          studyId: expect.stringMatching(UUID) as string,
        });
        const { instanceId, studyId } = stored as Extract<RecordInstanceResult, { kind: 'stored' }>;
        expect(await store.loadInstance(instanceId)).toEqual({
          instanceId,
          studyId,
          identity: instance.identity,
          sha256: instance.sha256,
          objectKey: instance.objectKey,
          receivedAtMs: SAMPLE_TIME_MS,
          queuedAtMs: undefined,
          inferStartAtMs: undefined,
          inferEndAtMs: undefined,
          outcome: undefined,
          purgedAtMs: undefined,
          traceId: undefined,
        });
        expect((await store.loadStudy(studyId))?.study).toEqual({
          studyId,
          StudyInstanceUID: instance.identity.StudyInstanceUID,
          requestedPriority: 'urgent',
          activity: 1,
          assembledActivity: 0,
          firstReceivedAtMs: SAMPLE_TIME_MS,
          lastActivityAtMs: SAMPLE_TIME_MS,
          heldUntilMs: 0,
          reprocessing: undefined,
          traceId: undefined,
        });
        expect(await outbox()).toEqual([
          {
            id: expect.stringMatching(UUID) as string,
            name: 'infer',
            payload: { instanceId },
            priorityRank: 2,
          },
        ]);
        expect(wakeUps).toBe(1);
      });

      it('recognises the same bytes and writes nothing', async () => {
        const { instance, instanceId, studyId } = await record();
        expect(await store.recordInstance(instance)).toEqual({
          kind: 'duplicate',
          instanceId,
          studyId,
        });
        expect((await store.loadStudy(studyId))?.study.activity).toBe(1);
        expect(await outbox()).toHaveLength(1);
        expect(wakeUps).toBe(1);
      });

      it('refuses other bytes, and another study, under a known UID', async () => {
        const { instance, instanceId, studyId } = await record();
        const { SOPInstanceUID, StudyInstanceUID } = instance.identity;
        const otherBytes = sampleInstance({ SOPInstanceUID, StudyInstanceUID });
        const otherStudy = sampleInstance({ SOPInstanceUID, sha256: instance.sha256 });
        expect(await store.recordInstance(otherBytes)).toEqual({ kind: 'conflict', instanceId });
        expect(await store.recordInstance(otherStudy)).toEqual({ kind: 'conflict', instanceId });
        expect(await store.findStudy(otherStudy.identity.StudyInstanceUID)).toBeUndefined();
        expect((await store.loadStudy(studyId))?.instances).toHaveLength(1);
      });

      it('counts instances of a study, and raises its priority but never lowers it', async () => {
        const { studyId, StudyInstanceUID } = await record({ requestedPriority: 'urgent' });
        await record({ StudyInstanceUID, requestedPriority: 'stat', receivedAtMs: nowMs + 500 });
        await record({ StudyInstanceUID, requestedPriority: 'routine', receivedAtMs: nowMs - 500 });
        expect((await store.loadStudy(studyId))?.study).toMatchObject({
          activity: 3,
          requestedPriority: 'stat',
          firstReceivedAtMs: SAMPLE_TIME_MS,
          lastActivityAtMs: SAMPLE_TIME_MS + 500,
        });
        expect((await outbox()).map((job) => job.priorityRank)).toEqual([1, 1, 2]);
      });

      it('takes instances of one study from several processes at once', async () => {
        const StudyInstanceUID = newUid();
        const stores = [openStore(), openStore(), openStore()];
        const results = await Promise.all(
          Array.from({ length: 30 }, (_, index) =>
            stores[index % 3]!.recordInstance(sampleInstance({ StudyInstanceUID })),
          ),
        );
        expect(new Set(results.map((result) => result.kind))).toEqual(new Set(['stored']));
        const found = await store.findStudy(StudyInstanceUID);
        expect(found?.study.activity).toBe(30);
        expect(found?.instances).toHaveLength(30);
        expect(await outbox()).toHaveLength(30);
      });

      it('stores an instance once when it comes several times at once', async () => {
        const instance = sampleInstance();
        const stores = [openStore(), openStore(), openStore()];
        const results = await Promise.all(
          Array.from({ length: 12 }, (_, index) => stores[index % 3]!.recordInstance(instance)),
        );
        expect(results.map((result) => result.kind).sort()).toEqual([
          ...Array.from({ length: 11 }, () => 'duplicate'),
          'stored',
        ]);
        expect(new Set(results.map((result) => result.instanceId)).size).toBe(1);
        expect((await store.findStudy(instance.identity.StudyInstanceUID))?.study.activity).toBe(1);
        expect(await outbox()).toHaveLength(1);
      });

      it('gives one of two studies that claim the same instance at once', async () => {
        const SOPInstanceUID = newUid();
        const instances = Array.from({ length: 6 }, () => sampleInstance({ SOPInstanceUID }));
        const results = await Promise.all(instances.map((i) => openStore().recordInstance(i)));
        expect(results.filter((result) => result.kind === 'stored')).toHaveLength(1);
        expect(results.filter((result) => result.kind === 'conflict')).toHaveLength(5);
        expect((await store.listStudies({ limit: 10 })).studies).toHaveLength(1);
      });
    });

    describe('recording an outcome', () => {
      it('keeps outcome and times, and asks for the assembly of the study', async () => {
        const { instanceId, studyId } = await record({ requestedPriority: 'stat' });
        await drain();
        nowMs += 5_000;
        expect(await finish(instanceId, 5_700)).toBe(true);
        expect(await store.loadInstance(instanceId)).toMatchObject({
          outcome: sampleOutcome,
          ...sampleTimes,
        });
        expect((await store.loadStudy(studyId))?.study).toMatchObject({
          activity: 2,
          lastActivityAtMs: nowMs,
        });
        expect(await outbox()).toMatchObject([
          {
            name: 'assemble',
            payload: { studyId, activity: 2 },
            priorityRank: 1,
            notBeforeMs: nowMs + 700,
          },
        ]);
        expect(wakeUps).toBe(2);
      });

      it('has the study assembled some time after its last image, by whichever clock is behind', async () => {
        const { instanceId, StudyInstanceUID } = await record();
        const last = await record({ StudyInstanceUID, receivedAtMs: nowMs + 300 });
        const ahead = await record({ receivedAtMs: nowMs + 60_000 });
        await drain();
        nowMs += 1_000;
        await finish(last.instanceId, 50);
        await finish(instanceId, 50);
        await finish(ahead.instanceId, 50);
        const times = (await outbox()).map((job) => job.notBeforeMs);
        expect(times).toEqual([nowMs - 650, nowMs - 650, nowMs + 50]);
      });

      it('lets the first outcome win', async () => {
        const { instanceId, studyId } = await record();
        const results = await Promise.all(
          Array.from({ length: 8 }, () =>
            openStore().recordOutcome(instanceId, sampleOutcome, sampleTimes, 0),
          ),
        );
        expect(results.filter(Boolean)).toHaveLength(1);
        expect((await store.loadStudy(studyId))?.study.activity).toBe(2);
        expect((await outbox()).filter((job) => job.name === 'assemble')).toHaveLength(1);
      });

      it('gives every outcome of a study its own activity', async () => {
        const { studyId, StudyInstanceUID, instanceId } = await record();
        const others = await Promise.all(
          Array.from({ length: 9 }, () => record({ StudyInstanceUID })),
        );
        const instanceIds = [instanceId, ...others.map((other) => other.instanceId)];
        await Promise.all(
          instanceIds.map((id) => openStore().recordOutcome(id, sampleOutcome, sampleTimes, 0)),
        );
        const activities = (await outbox())
          .filter((job) => job.name === 'assemble')
          .map((job) => job.payload.activity)
          .sort((a, b) => a - b);
        expect(activities).toEqual(Array.from({ length: 10 }, (_, index) => 11 + index));
        expect((await store.loadStudy(studyId))?.study.activity).toBe(20);
      });

      it('does nothing for an instance that does not exist', async () => {
        expect(await finish(NOBODY)).toBe(false);
        expect(wakeUps).toBe(0);
      });
    });

    describe('results and deliveries', () => {
      it('records a result with one delivery for each destination', async () => {
        const { studyId, StudyInstanceUID } = await record();
        await drain();
        const result = sampleResult(StudyInstanceUID, 1, {
          priority: 'stat',
          flagged: true,
          flaggedFindings: ['pneumothorax'],
        });
        expect(await store.recordResult(studyId, result, 1, routes('ris', 'pacs'))).toBe(true);

        const found = await store.findStudy(StudyInstanceUID);
        expect(found?.latestResult).toEqual(result);
        expect(found?.study.assembledActivity).toBe(1);
        expect(found?.deliveries).toMatchObject([
          { destination: 'pacs', state: 'pending', attempts: 0, resultVersion: 1 },
          { destination: 'ris', state: 'pending', attempts: 0, resultVersion: 1 },
        ]);
        const jobs = await outbox();
        expect(jobs.map((job) => job.priorityRank)).toEqual([1, 1]);
        expect(new Set(jobs.map((job) => job.payload))).toEqual(
          new Set(found?.deliveries.map(({ deliveryId }) => ({ deliveryId }))),
        );
        expect(await store.loadResult(studyId, 1)).toEqual(result);
        expect(await store.loadResult(studyId, 2)).toBeUndefined();
      });

      it('records a version once, whoever else tries', async () => {
        const { studyId, StudyInstanceUID } = await record();
        const results = await Promise.all(
          Array.from({ length: 6 }, () =>
            openStore().recordResult(studyId, sampleResult(StudyInstanceUID, 1), 1, routes('ris')),
          ),
        );
        expect(results.filter(Boolean)).toHaveLength(1);
        expect((await store.findStudy(StudyInstanceUID))?.deliveries).toHaveLength(1);
        expect((await outbox()).filter((job) => job.name === 'deliver')).toHaveLength(1);
      });

      it('keeps earlier versions and shows the latest', async () => {
        const { studyId, StudyInstanceUID } = await record();
        await store.recordResult(studyId, sampleResult(StudyInstanceUID, 1), 1, []);
        await store.recordResult(
          studyId,
          sampleResult(StudyInstanceUID, 2, { flagged: true, priority: 'urgent' }),
          3,
          routes('ris'),
        );
        const found = await store.findStudy(StudyInstanceUID);
        expect(found?.latestResult).toMatchObject({ resultVersion: 2, amends: 1 });
        expect(found?.study.assembledActivity).toBe(3);
        expect(found?.deliveries).toMatchObject([{ resultVersion: 2 }]);
        expect(await store.loadResult(studyId, 1)).toMatchObject({ resultVersion: 1 });
      });

      it('finds a study and a result by the ids that they have outside', async () => {
        const { studyId, StudyInstanceUID } = await record();
        await record();
        const results = [1, 2].map((version) => sampleResult(StudyInstanceUID, version));
        for (const result of results) {
          await store.recordResult(studyId, result, 1, []);
        }
        const id = diagnosticReportId(StudyInstanceUID);
        expect(await store.findByDiagnosticReport(id)).toBe(StudyInstanceUID);
        expect(await store.findByDiagnosticReport(NOBODY)).toBeUndefined();
        expect(await store.findByDiagnosticReport('no uuid')).toBeUndefined();
        for (const result of results) {
          const { resultVersion } = result;
          expect(await store.findByStructuredReport(objectUid('sr', result))).toEqual({
            StudyInstanceUID,
            resultVersion,
          });
        }
        const other = objectUid('sr', sampleResult(StudyInstanceUID, 3));
        expect(await store.findByStructuredReport(other)).toBeUndefined();
        expect(await store.findByStructuredReport(StudyInstanceUID)).toBeUndefined();
      });

      it('covers activity that changes nothing without a new result', async () => {
        const { studyId, StudyInstanceUID } = await record();
        await store.recordResult(studyId, sampleResult(StudyInstanceUID, 1), 1, []);
        await store.coverActivity(studyId, 4);
        await store.coverActivity(studyId, 2);
        expect((await store.loadStudy(studyId))?.study.assembledActivity).toBe(4);
      });

      it('asks for the assembly of the present activity', async () => {
        const { studyId } = await record();
        await drain();
        await store.requestAssembly(studyId, nowMs + 10);
        expect(await outbox()).toMatchObject([
          { name: 'assemble', payload: { studyId, activity: 1 }, notBeforeMs: nowMs + 10 },
        ]);
        expect(wakeUps).toBe(2);
      });

      it('follows a delivery through failed attempts to its end', async () => {
        const { studyId, StudyInstanceUID } = await record();
        await store.recordResult(studyId, sampleResult(StudyInstanceUID, 1), 1, routes('ris'));
        await drain();
        const deliveryId = (await store.findStudy(StudyInstanceUID))!.deliveries[0]!.deliveryId;

        await store.recordDeliveryAttempt(deliveryId, {
          kind: 'retry',
          error: 'refused',
          nextAttemptAtMs: nowMs + 5_000,
        });
        expect(await store.loadDelivery(deliveryId)).toMatchObject({
          state: 'pending',
          attempts: 1,
          lastError: 'refused',
          nextAttemptAtMs: nowMs + 5_000,
        });
        expect(await outbox()).toMatchObject([
          { name: 'deliver', payload: { deliveryId }, notBeforeMs: nowMs + 5_000 },
        ]);

        await store.recordDeliveryAttempt(deliveryId, {
          kind: 'delivered',
          atMs: nowMs + 5_100,
          receipt: { status: 204 },
        });
        const delivered = await store.loadDelivery(deliveryId);
        expect(delivered).toMatchObject({
          state: 'delivered',
          attempts: 2,
          lastError: undefined,
          nextAttemptAtMs: undefined,
          deliveredAtMs: nowMs + 5_100,
          receipt: { status: 204 },
        });
        await store.recordDeliveryAttempt(deliveryId, { kind: 'dead', error: 'late', tell: [] });
        expect(await store.loadDelivery(deliveryId)).toEqual(delivered);
      });

      it('leaves a dead delivery to a person', async () => {
        const { studyId, StudyInstanceUID } = await record();
        await store.recordResult(studyId, sampleResult(StudyInstanceUID, 1), 1, routes('ris'));
        const deliveryId = (await store.findStudy(StudyInstanceUID))!.deliveries[0]!.deliveryId;
        await store.recordDeliveryAttempt(deliveryId, { kind: 'dead', error: 'gone', tell: [] });
        expect(await store.loadDelivery(deliveryId)).toMatchObject({
          state: 'dead',
          lastError: 'gone',
        });
        await drain();
        expect(await store.requeueUnfinished(nowMs + 1e9)).toBe(1);
        expect(await outbox()).toMatchObject([{ name: 'infer' }]);
      });
    });

    describe('deliveries in order', () => {
      const done = { kind: 'delivered', atMs: SAMPLE_TIME_MS, receipt: { status: 200 } } as const;

      async function deliveriesOf(StudyInstanceUID: string) {
        const found = await store.findStudy(StudyInstanceUID);
        return new Map(
          found?.deliveries.map((one) => [`${one.destination} ${one.resultVersion}`, one]),
        );
      }

      it('holds destinations of a higher order back until those of a lower one have ended', async () => {
        const { studyId, StudyInstanceUID } = await record();
        await drain();
        await store.recordResult(studyId, sampleResult(StudyInstanceUID, 1), 1, [
          ...routes('pacs-a', 'pacs-b'),
          { destination: 'ris', order: 5, onlyIfToldBefore: false },
        ]);
        const deliveries = await deliveriesOf(StudyInstanceUID);
        const [a, b, ris] = ['pacs-a 1', 'pacs-b 1', 'ris 1'].map((key) => deliveries.get(key)!);
        expect(ris).toMatchObject({ state: 'waiting', nextAttemptAtMs: undefined });
        expect(await drain()).toHaveLength(2);

        await Promise.all([
          openStore().recordDeliveryAttempt(a!.deliveryId, done),
          openStore().recordDeliveryAttempt(b!.deliveryId, { kind: 'dead', error: '', tell: [] }),
        ]);
        expect(await store.loadDelivery(ris!.deliveryId)).toMatchObject({ state: 'pending' });
        expect(await outbox()).toMatchObject([
          { name: 'deliver', payload: { deliveryId: ris!.deliveryId } },
        ]);
      });

      it('replaces what is still on its way by the newer version', async () => {
        const { studyId, StudyInstanceUID } = await record();
        await store.recordResult(studyId, sampleResult(StudyInstanceUID, 1), 1, routes('ris'));
        await store.recordResult(studyId, sampleResult(StudyInstanceUID, 2), 1, routes('ris'));
        const first = (await deliveriesOf(StudyInstanceUID)).get('ris 1')!;
        expect(first).toMatchObject({ state: 'superseded', nextAttemptAtMs: undefined });
        await store.recordDeliveryAttempt(first.deliveryId, {
          kind: 'retry',
          error: 'refused',
          nextAttemptAtMs: nowMs,
        });
        expect((await store.loadDelivery(first.deliveryId))?.state).toBe('superseded');
        await store.recordDeliveryAttempt(first.deliveryId, done);
        expect((await store.loadDelivery(first.deliveryId))?.state).toBe('delivered');
      });

      it('sends an amended result that a filter leaves out to those that had the earlier one', async () => {
        const { studyId, StudyInstanceUID } = await record();
        await store.recordResult(studyId, sampleResult(StudyInstanceUID, 1), 1, routes('ris'));
        await store.recordResult(
          studyId,
          sampleResult(StudyInstanceUID, 2),
          1,
          routes('ris', 'pacs').map((route) => ({ ...route, onlyIfToldBefore: true })),
        );
        expect([...(await deliveriesOf(StudyInstanceUID)).keys()].sort()).toEqual([
          'ris 1',
          'ris 2',
        ]);
      });

      it('counts no attempt when a destination is left alone', async () => {
        const { studyId, StudyInstanceUID } = await record();
        await store.recordResult(studyId, sampleResult(StudyInstanceUID, 1), 1, routes('ris'));
        await drain();
        const { deliveryId } = (await deliveriesOf(StudyInstanceUID)).get('ris 1')!;
        const pause = { kind: 'pause', nextAttemptAtMs: nowMs + 9_000 } as const;
        await store.recordDeliveryAttempt(deliveryId, pause);
        expect(await store.loadDelivery(deliveryId)).toMatchObject({
          state: 'pending',
          attempts: 0,
          nextAttemptAtMs: nowMs + 9_000,
        });
        expect(await outbox()).toMatchObject([{ name: 'deliver', notBeforeMs: nowMs + 9_000 }]);
      });

      it('tells others once of a delivery that has failed for good', async () => {
        const { studyId, StudyInstanceUID } = await record();
        await store.recordResult(studyId, sampleResult(StudyInstanceUID, 1), 1, routes('pacs'));
        const { deliveryId } = (await deliveriesOf(StudyInstanceUID)).get('pacs 1')!;
        await drain();
        await store.recordDeliveryAttempt(deliveryId, {
          kind: 'dead',
          error: 'refused',
          tell: ['alarm'],
        });
        const alarm = (await deliveriesOf(StudyInstanceUID)).get('alarm 1');
        expect(alarm).toMatchObject({ state: 'pending', failedDeliveryId: deliveryId });
        expect(await outbox()).toMatchObject([{ payload: { deliveryId: alarm!.deliveryId } }]);
      });
    });

    describe('reading', () => {
      it('finds nothing under unknown names', async () => {
        expect(await store.loadInstance(NOBODY)).toBeUndefined();
        expect(await store.loadStudy(NOBODY)).toBeUndefined();
        expect(await store.loadDelivery(NOBODY)).toBeUndefined();
        expect(await store.findStudy(newUid())).toBeUndefined();
      });

      it('holds a study until a time, and releases it', async () => {
        const { studyId } = await record();
        await store.holdStudy(studyId, nowMs + 30_000);
        expect((await store.loadStudy(studyId))?.study.heldUntilMs).toBe(nowMs + 30_000);
        await store.holdStudy(studyId, 0);
        expect((await store.loadStudy(studyId))?.study.heldUntilMs).toBe(0);
      });

      it('lists studies newest first, page by page, each once', async () => {
        const expected: string[] = [];
        for (let index = 0; index < 7; index += 1) {
          // Two of them have the same time.
          const receivedAtMs = SAMPLE_TIME_MS + Math.min(index, 5) * 1_000;
          expected.unshift((await record({ receivedAtMs })).StudyInstanceUID);
        }
        const seen: string[] = [];
        let cursor: string | undefined;
        do {
          const page = await store.listStudies({ limit: 3, ...(cursor && { cursor }) });
          seen.push(...page.studies.map((study) => study.StudyInstanceUID));
          cursor = page.nextCursor;
        } while (cursor !== undefined);
        expect(seen).toHaveLength(7);
        expect(seen.slice(2)).toEqual(expected.slice(2));
        expect(new Set(seen)).toEqual(new Set(expected));
      });

      it('summarises and filters by state and flag', async () => {
        const waiting = await record();
        const clear = await record({ receivedAtMs: SAMPLE_TIME_MS + 1 });
        const flagged = await record({
          receivedAtMs: SAMPLE_TIME_MS + 2,
          requestedPriority: 'urgent',
        });
        await store.recordResult(clear.studyId, sampleResult(clear.StudyInstanceUID, 1), 1, []);
        await store.recordResult(
          flagged.studyId,
          sampleResult(flagged.StudyInstanceUID, 1, { flagged: true, priority: 'stat' }),
          1,
          [],
        );
        const listed = async (query: object) =>
          (await store.listStudies({ limit: 10, ...query })).studies.map((s) => s.StudyInstanceUID);
        expect(await listed({ state: 'analysing' })).toEqual([waiting.StudyInstanceUID]);
        expect(await listed({ flagged: true })).toEqual([flagged.StudyInstanceUID]);
        expect(await listed({ state: 'ready', flagged: false })).toEqual([clear.StudyInstanceUID]);
        expect((await store.listStudies({ limit: 10 })).studies).toEqual([
          {
            StudyInstanceUID: flagged.StudyInstanceUID,
            state: 'ready',
            requestedPriority: 'urgent',
            priority: 'stat',
            flagged: true,
            resultVersion: 1,
            instanceCount: 1,
            firstReceivedAtMs: SAMPLE_TIME_MS + 2,
            lastActivityAtMs: SAMPLE_TIME_MS + 2,
          },
          expect.objectContaining({ flagged: false, priority: 'routine', resultVersion: 1 }),
          expect.objectContaining({ state: 'analysing', flagged: undefined, priority: 'routine' }),
        ]);
      });

      it('refuses a cursor that it did not make', async () => {
        for (const cursor of ['', 'x', Buffer.from('[1,2]').toString('base64url')]) {
          await expect(store.listStudies({ limit: 1, cursor })).rejects.toMatchObject({
            code: 'request-invalid',
          });
        }
      });

      it('tells which objects belong to no instance', async () => {
        const { instance } = await record();
        const orphan = sampleInstance().objectKey;
        expect(await store.unknownObjectKeys([orphan, instance.objectKey])).toEqual([orphan]);
        expect(await store.unknownObjectKeys([])).toEqual([]);
      });

      it('answers a ping', async () => {
        await expect(store.ping()).resolves.toBeUndefined();
      });
    });

    describe('outbox', () => {
      it('gives the most urgent jobs first and of these the oldest', async () => {
        const routine = await record();
        const stat = await record({ requestedPriority: 'stat' });
        const later = await record();
        expect((await outbox()).map((job) => job.payload)).toEqual([
          { instanceId: stat.instanceId },
          { instanceId: routine.instanceId },
          { instanceId: later.instanceId },
        ]);
      });

      it('leases a job to one relay, and to the next when the lease has run out', async () => {
        await record();
        const first = await store.claimJobs(10, nowMs + 1_000);
        expect(first).toHaveLength(1);
        expect(await store.claimJobs(10, nowMs + 1_000)).toEqual([]);
        nowMs += 1_000;
        expect(await store.claimJobs(10, nowMs + 1_000)).toEqual(first);
      });

      it('shares jobs among relays that claim at once', async () => {
        for (let index = 0; index < 20; index += 1) {
          await record();
        }
        const claims = await Promise.all(
          Array.from({ length: 5 }, () => openStore().claimJobs(4, nowMs + 1_000)),
        );
        const claimed = claims.flat().map((job) => job.id);
        expect(new Set(claimed).size).toBe(claimed.length);
        const rest = await outbox();
        expect(claimed.length + rest.length).toBe(20);
      });

      it('forgets completed jobs and notes when an instance was first queued', async () => {
        const { instanceId } = await record();
        const jobs = await outbox();
        await store.completeJobs(ids(jobs), nowMs + 20);
        await store.completeJobs(ids(jobs), nowMs + 30);
        expect(await store.loadInstance(instanceId)).toMatchObject({ queuedAtMs: nowMs + 20 });
        nowMs += 1e9;
        expect(await outbox()).toEqual([]);
        await store.completeJobs([], nowMs);
      });

      it('survives many transactions at once on the same studies', async () => {
        const studies = [newUid(), newUid()];
        const stores = Array.from({ length: 4 }, () => openStore());
        await Promise.all(
          stores.map(async (own, number) => {
            for (let index = 0; index < 12; index += 1) {
              const StudyInstanceUID = studies[(index + number) % 2]!;
              const recorded = await own.recordInstance(sampleInstance({ StudyInstanceUID }));
              const { studyId } = recorded as Extract<RecordInstanceResult, { kind: 'stored' }>;
              await own.recordOutcome(recorded.instanceId, sampleOutcome, sampleTimes, 0);
              await own.requeueUnfinished(nowMs + 1);
              await own.completeJobs(ids(await own.claimJobs(5, nowMs + 60_000)), nowMs);
              const version =
                ((await own.loadStudy(studyId))?.latestResult?.resultVersion ?? 0) + 1;
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
          const found = await store.findStudy(StudyInstanceUID);
          expect(found?.study.activity).toBe(48);
          expect(found?.instances.every((instance) => instance.outcome !== undefined)).toBe(true);
          expect(found?.deliveries).toHaveLength(found!.latestResult!.resultVersion);
        }
      });
    });

    describe('requeueing the unfinished', () => {
      it('asks again for instances without outcome, once a quiet period', async () => {
        const { instanceId } = await record({ requestedPriority: 'urgent' });
        await drain();
        expect(await store.requeueUnfinished(nowMs)).toBe(0);
        nowMs += 60_000;
        expect(await store.requeueUnfinished(nowMs - 30_000)).toBe(1);
        expect(await store.requeueUnfinished(nowMs - 30_000)).toBe(0);
        expect(await outbox()).toMatchObject([
          { name: 'infer', payload: { instanceId }, priorityRank: 2 },
        ]);
        expect(wakeUps).toBe(2);
      });

      it('asks again for a study whose result lags, unless an instance or a sender is not done', async () => {
        const { instanceId, studyId, StudyInstanceUID } = await record();
        await finish(instanceId);
        const unfinished = await record({ StudyInstanceUID, receivedAtMs: nowMs });
        await drain();
        nowMs += 60_000;
        await store.requeueUnfinished(nowMs);
        expect(await drain()).toMatchObject([
          { name: 'infer', payload: { instanceId: unfinished.instanceId } },
        ]);

        await finish(unfinished.instanceId);
        await drain();
        nowMs += 60_000;
        await store.holdStudy(studyId, nowMs + 5_000);
        expect(await store.requeueUnfinished(nowMs)).toBe(0);
        nowMs += 10_000;
        expect(await store.requeueUnfinished(nowMs)).toBe(1);
        expect(await outbox()).toMatchObject([
          { name: 'assemble', payload: { studyId, activity: 4 } },
        ]);
      });

      it('asks again for deliveries that are due', async () => {
        const { instanceId, studyId, StudyInstanceUID } = await record();
        await finish(instanceId);
        await store.recordResult(studyId, sampleResult(StudyInstanceUID, 1), 2, routes('ris'));
        const deliveryId = (await store.findStudy(StudyInstanceUID))!.deliveries[0]!.deliveryId;
        await store.recordDeliveryAttempt(deliveryId, {
          kind: 'retry',
          error: 'refused',
          nextAttemptAtMs: nowMs + 3_600_000,
        });
        await drain();
        nowMs += 60_000;
        expect(await store.requeueUnfinished(nowMs)).toBe(0);
        nowMs += 3_600_000;
        expect(await store.requeueUnfinished(nowMs)).toBe(1);
        expect(await outbox()).toMatchObject([{ name: 'deliver', payload: { deliveryId } }]);
      });

      it('leaves finished work alone', async () => {
        const { instanceId, studyId, StudyInstanceUID } = await record();
        await finish(instanceId);
        await store.recordResult(studyId, sampleResult(StudyInstanceUID, 1), 2, []);
        nowMs += 1e9;
        expect(await store.requeueUnfinished(nowMs)).toBe(0);
      });
    });
  });
}

function ids(jobs: readonly NewJob[]): string[] {
  return jobs.map((job) => job.id);
}

function routes(...destinations: string[]): DeliveryRoute[] {
  return destinations.map((destination) => ({ destination, order: 0, onlyIfToldBefore: false }));
}
