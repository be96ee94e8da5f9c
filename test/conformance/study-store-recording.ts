import { describe, expect, it } from 'vitest';

import type { RecordInstanceResult } from '../../core/storage/study-store.js';
import {
  newUid,
  SAMPLE_TIME_MS,
  sampleInstance,
  sampleOutcome,
  sampleTimes,
} from '../support/sample-study.js';
import type { StudyStoreBed } from '../support/study-store-bed.js';

const NOBODY = '00000000-0000-4000-8000-000000000000';
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** What every study store must do when instances and their outcomes are recorded. */
export function describeStudyStoreRecording(bed: StudyStoreBed): void {
  describe('recording an instance', () => {
    it('stores the instance, its study and the job to infer it', async () => {
      const instance = sampleInstance({ requestedPriority: 'urgent' });
      const stored = await bed.store.recordInstance(instance);
      expect(stored).toMatchObject({
        kind: 'stored',
        instanceId: expect.stringMatching(UUID) as string,
        studyId: expect.stringMatching(UUID) as string,
      });
      const { instanceId, studyId } = stored as Extract<RecordInstanceResult, { kind: 'stored' }>;
      expect(await bed.store.loadInstance(instanceId)).toEqual({
        instanceId,
        studyId,
        identity: instance.identity,
        sha256: instance.sha256,
        objectKey: instance.objectKey,
        receivedAtMs: SAMPLE_TIME_MS,
        askedForAtMs: SAMPLE_TIME_MS,
        queuedAtMs: undefined,
        inferStartAtMs: undefined,
        inferEndAtMs: undefined,
        outcome: undefined,
        purgedAtMs: undefined,
        traceId: undefined,
      });
      expect((await bed.store.loadStudy(studyId))?.study).toEqual({
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
      const waiting = await bed.outbox();
      expect(waiting).toEqual([
        {
          id: expect.stringMatching(UUID) as string,
          name: 'infer',
          payload: { instanceId },
          priorityRank: 2,
        },
      ]);
      expect(bed.handed).toEqual(waiting);
    });

    it('recognises the same bytes and writes nothing', async () => {
      const { instance, instanceId, studyId } = await bed.record();
      expect(await bed.store.recordInstance(instance)).toEqual({
        kind: 'duplicate',
        instanceId,
        studyId,
      });
      expect((await bed.store.loadStudy(studyId))?.study.activity).toBe(1);
      expect(await bed.outbox()).toHaveLength(1);
      expect(bed.handed).toHaveLength(1);
    });

    it('refuses other bytes, and another study, under a known UID', async () => {
      const { instance, instanceId, studyId } = await bed.record();
      const { SOPInstanceUID, StudyInstanceUID } = instance.identity;
      const otherBytes = sampleInstance({ SOPInstanceUID, StudyInstanceUID });
      const otherStudy = sampleInstance({ SOPInstanceUID, sha256: instance.sha256 });
      expect(await bed.store.recordInstance(otherBytes)).toEqual({ kind: 'conflict', instanceId });
      expect(await bed.store.recordInstance(otherStudy)).toEqual({ kind: 'conflict', instanceId });
      expect(await bed.store.findStudy(otherStudy.identity.StudyInstanceUID)).toBeUndefined();
      expect((await bed.store.loadStudy(studyId))?.instances).toHaveLength(1);
    });

    it('counts instances of a study, and raises its priority but never lowers it', async () => {
      const { studyId, StudyInstanceUID } = await bed.record({ requestedPriority: 'urgent' });
      await bed.record({
        StudyInstanceUID,
        requestedPriority: 'stat',
        receivedAtMs: bed.nowMs + 500,
      });
      await bed.record({
        StudyInstanceUID,
        requestedPriority: 'routine',
        receivedAtMs: bed.nowMs - 500,
      });
      expect((await bed.store.loadStudy(studyId))?.study).toMatchObject({
        activity: 3,
        requestedPriority: 'stat',
        firstReceivedAtMs: SAMPLE_TIME_MS,
        lastActivityAtMs: SAMPLE_TIME_MS + 500,
      });
      expect((await bed.outbox()).map((job) => job.priorityRank)).toEqual([1, 1, 2]);
    });

    it('takes instances of one study from several processes at once', async () => {
      const StudyInstanceUID = newUid();
      const stores = [bed.openStore(), bed.openStore(), bed.openStore()];
      const results = await Promise.all(
        Array.from({ length: 30 }, (_, index) =>
          stores[index % 3]!.recordInstance(sampleInstance({ StudyInstanceUID })),
        ),
      );
      expect(new Set(results.map((result) => result.kind))).toEqual(new Set(['stored']));
      const found = await bed.store.findStudy(StudyInstanceUID);
      expect(found?.study.activity).toBe(30);
      expect(found?.instances).toHaveLength(30);
      expect(await bed.outbox()).toHaveLength(30);
    });

    it('stores an instance once when it comes several times at once', async () => {
      const instance = sampleInstance();
      const stores = [bed.openStore(), bed.openStore(), bed.openStore()];
      const results = await Promise.all(
        Array.from({ length: 12 }, (_, index) => stores[index % 3]!.recordInstance(instance)),
      );
      expect(results.map((result) => result.kind).sort()).toEqual([
        ...Array.from({ length: 11 }, () => 'duplicate'),
        'stored',
      ]);
      expect(new Set(results.map((result) => result.instanceId)).size).toBe(1);
      expect((await bed.store.findStudy(instance.identity.StudyInstanceUID))?.study.activity).toBe(
        1,
      );
      expect(await bed.outbox()).toHaveLength(1);
    });

    it('gives one of two studies that claim the same instance at once', async () => {
      const SOPInstanceUID = newUid();
      const instances = Array.from({ length: 6 }, () => sampleInstance({ SOPInstanceUID }));
      const results = await Promise.all(instances.map((i) => bed.openStore().recordInstance(i)));
      expect(results.filter((result) => result.kind === 'stored')).toHaveLength(1);
      expect(results.filter((result) => result.kind === 'conflict')).toHaveLength(5);
      expect((await bed.store.listStudies({ limit: 10 })).studies).toHaveLength(1);
    });
  });

  describe('recording an outcome', () => {
    it('keeps outcome and times, and asks for the assembly of the study', async () => {
      const { instanceId, studyId } = await bed.record({ requestedPriority: 'stat' });
      await bed.drain();
      bed.nowMs += 5_000;
      expect(await bed.finish(instanceId, 5_700)).toBe(true);
      expect(await bed.store.loadInstance(instanceId)).toMatchObject({
        outcome: sampleOutcome,
        ...sampleTimes,
        // Noted before: the first time counts.
        queuedAtMs: SAMPLE_TIME_MS,
      });
      expect((await bed.store.loadStudy(studyId))?.study).toMatchObject({
        activity: 2,
        lastActivityAtMs: bed.nowMs,
      });
      expect(await bed.outbox()).toMatchObject([
        {
          name: 'assemble',
          payload: { studyId, activity: 2 },
          priorityRank: 1,
          notBeforeMs: bed.nowMs + 700,
        },
      ]);
      expect(bed.handed).toHaveLength(2);
    });

    it('has the study assembled some time after its last image, by whichever clock is behind', async () => {
      const { instanceId, StudyInstanceUID } = await bed.record();
      const last = await bed.record({ StudyInstanceUID, receivedAtMs: bed.nowMs + 300 });
      const ahead = await bed.record({ receivedAtMs: bed.nowMs + 60_000 });
      await bed.drain();
      bed.nowMs += 1_000;
      await bed.finish(last.instanceId, 50);
      await bed.finish(instanceId, 50);
      await bed.finish(ahead.instanceId, 50);
      const times = (await bed.outbox()).map((job) => job.notBeforeMs);
      expect(times).toEqual([bed.nowMs - 650, bed.nowMs - 650, bed.nowMs + 50]);
    });

    it('lets the first outcome win', async () => {
      const { instanceId, studyId } = await bed.record();
      const results = await Promise.all(
        Array.from({ length: 8 }, () =>
          bed.openStore().recordOutcome(instanceId, sampleOutcome, sampleTimes, 0),
        ),
      );
      expect(results.filter(Boolean)).toHaveLength(1);
      expect(await bed.store.loadInstance(instanceId)).toMatchObject(sampleTimes);
      expect((await bed.store.loadStudy(studyId))?.study.activity).toBe(2);
      expect((await bed.outbox()).filter((job) => job.name === 'assemble')).toHaveLength(1);
    });

    it('gives every outcome of a study its own activity', async () => {
      const { studyId, StudyInstanceUID, instanceId } = await bed.record();
      const others = await Promise.all(
        Array.from({ length: 9 }, () => bed.record({ StudyInstanceUID })),
      );
      const instanceIds = [instanceId, ...others.map((other) => other.instanceId)];
      await Promise.all(
        instanceIds.map((id) => bed.openStore().recordOutcome(id, sampleOutcome, sampleTimes, 0)),
      );
      const activities = (await bed.outbox())
        .filter((job) => job.name === 'assemble')
        .map((job) => job.payload.activity)
        .sort((a, b) => a - b);
      expect(activities).toEqual(Array.from({ length: 10 }, (_, index) => 11 + index));
      expect((await bed.store.loadStudy(studyId))?.study.activity).toBe(20);
    });

    it('does nothing for an instance that does not exist', async () => {
      expect(await bed.finish(NOBODY)).toBe(false);
      expect(bed.handed).toHaveLength(0);
    });
  });
}
