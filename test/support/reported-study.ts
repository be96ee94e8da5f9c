import { expect } from 'vitest';

import type { StudyResult } from '../../core/results/study-result.js';
import type { StudyStore } from '../../core/storage/study-store.js';
import type { IngestServer } from './ingest-server.js';
import { REPORT_UIDS, sampleRadiograph, sampleReport } from './sample-report.js';

/** The sample study as the pipeline leaves it: its image stored, scored, and in a first result. */
export async function storeReportedStudy(
  server: IngestServer,
  studies: StudyStore,
  radiograph: Uint8Array = sampleRadiograph(),
): Promise<{ readonly studyId: string; readonly amend: () => Promise<StudyResult> }> {
  const { status, text } = await server.post('/dicom-web/studies', radiograph, {
    'Content-Type': 'application/dicom',
  });
  expect(status, text).toBe(200);
  const result = sampleReport();
  const found = await studies.findStudy(REPORT_UIDS.StudyInstanceUID);
  const [stored] = found?.instances ?? [];
  const [image] = result.instances;
  if (found === undefined || stored === undefined || image === undefined) {
    throw new Error('the sample study was not stored');
  }
  const { studyId } = found.study;
  const now = Date.now();
  const times = { queuedAtMs: now, inferStartAtMs: now, inferEndAtMs: now };
  await studies.recordOutcome(stored.instanceId, image.outcome, times, 0);
  await studies.recordResult(studyId, result, 2, []);
  return {
    studyId,
    async amend() {
      const amended = sampleReport({
        resultVersion: 2,
        amends: 1,
        assembledAt: '2026-01-15T08:05:00.000Z',
      });
      await studies.recordResult(studyId, amended, 3, []);
      return amended;
    },
  };
}
