import { describe, expect, it } from 'vitest';

import { newUid, SAMPLE_TIME_MS, sampleInstance, sampleResult } from '../support/sample-study.js';
import type { StudyStoreBed } from '../support/study-store-bed.js';

const NOBODY = '00000000-0000-4000-8000-000000000000';

/** What every study store must do for who reads. */
export function describeStudyStoreReading(bed: StudyStoreBed): void {
  describe('reading', () => {
    it('finds nothing under unknown names', async () => {
      expect(await bed.store.loadInstance(NOBODY)).toBeUndefined();
      expect(await bed.store.loadStudy(NOBODY)).toBeUndefined();
      expect(await bed.store.loadDelivery(NOBODY)).toBeUndefined();
      expect(await bed.store.findStudy(newUid())).toBeUndefined();
    });

    it('holds a study until a time, and releases it', async () => {
      const { studyId } = await bed.record();
      await bed.store.holdStudy(studyId, bed.nowMs + 30_000);
      expect((await bed.store.loadStudy(studyId))?.study.heldUntilMs).toBe(bed.nowMs + 30_000);
      await bed.store.holdStudy(studyId, 0);
      expect((await bed.store.loadStudy(studyId))?.study.heldUntilMs).toBe(0);
    });

    it('lists studies newest first, page by page, each once', async () => {
      const expected: string[] = [];
      for (let index = 0; index < 7; index += 1) {
        // Two of them have the same time.
        const receivedAtMs = SAMPLE_TIME_MS + Math.min(index, 5) * 1_000;
        expected.unshift((await bed.record({ receivedAtMs })).StudyInstanceUID);
      }
      const seen: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await bed.store.listStudies({ limit: 3, ...(cursor && { cursor }) });
        seen.push(...page.studies.map((study) => study.StudyInstanceUID));
        cursor = page.nextCursor;
      } while (cursor !== undefined);
      expect(seen).toHaveLength(7);
      expect(seen.slice(2)).toEqual(expected.slice(2));
      expect(new Set(seen)).toEqual(new Set(expected));
    });

    it('summarises and filters by state and flag', async () => {
      const waiting = await bed.record();
      const clear = await bed.record({ receivedAtMs: SAMPLE_TIME_MS + 1 });
      const flagged = await bed.record({
        receivedAtMs: SAMPLE_TIME_MS + 2,
        requestedPriority: 'urgent',
      });
      await bed.store.recordResult(clear.studyId, sampleResult(clear.StudyInstanceUID, 1), 1, []);
      await bed.store.recordResult(
        flagged.studyId,
        sampleResult(flagged.StudyInstanceUID, 1, { flagged: true, priority: 'stat' }),
        1,
        [],
      );
      const listed = async (query: object) =>
        (await bed.store.listStudies({ limit: 10, ...query })).studies.map(
          (s) => s.StudyInstanceUID,
        );
      expect(await listed({ state: 'analysing' })).toEqual([waiting.StudyInstanceUID]);
      expect(await listed({ flagged: true })).toEqual([flagged.StudyInstanceUID]);
      expect(await listed({ state: 'ready', flagged: false })).toEqual([clear.StudyInstanceUID]);
      expect((await bed.store.listStudies({ limit: 10 })).studies).toEqual([
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
        await expect(bed.store.listStudies({ limit: 1, cursor })).rejects.toMatchObject({
          code: 'request-invalid',
        });
      }
    });

    it('tells which objects belong to no instance', async () => {
      const { instance } = await bed.record();
      const orphan = sampleInstance().objectKey;
      expect(await bed.store.unknownObjectKeys([orphan, instance.objectKey])).toEqual([orphan]);
      expect(await bed.store.unknownObjectKeys([])).toEqual([]);
    });

    it('answers a ping', async () => {
      await expect(bed.store.ping()).resolves.toBeUndefined();
    });
  });
}
