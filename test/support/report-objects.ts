import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { readSourceStudy } from '../../adapters/dicom/read-source-study.js';
import { buildResultObjects } from '../../adapters/dicom/results/build-result-objects.js';
import type { ResultObjectFile } from '../../core/delivery/dicom/result-object.js';
import type { ResultObject } from '../../core/delivery/destination.js';
import { READABLE_OBJECTS } from '../../core/delivery/result-objects.js';
import type { StudyResult } from '../../core/results/study-result.js';
import { REPORT_UIDS, sampleRadiograph, sampleReport } from './sample-report.js';

/** Objects of the sample study, as a destination that wants them gets them. */
export async function sampleObjects(
  folder: string,
  {
    result = sampleReport(),
    radiograph = sampleRadiograph(),
    objects = READABLE_OBJECTS,
    language = 'vi',
  }: {
    readonly result?: StudyResult;
    readonly radiograph?: Uint8Array;
    readonly objects?: readonly ResultObject[];
    readonly language?: 'en' | 'vi';
  } = {},
): Promise<readonly ResultObjectFile[]> {
  const path = join(folder, 'radiograph.dcm');
  writeFileSync(path, radiograph);
  const input = {
    result,
    source: await readSourceStudy(path),
    predecessorAssembledAt: result.amends === undefined ? undefined : '2026-01-15T07:00:00.000Z',
    utcOffsetMinutes: () => 7 * 60,
  };
  return buildResultObjects(
    input,
    {
      pathOf: (SOPInstanceUID) =>
        SOPInstanceUID === REPORT_UIDS.SOPInstanceUID ? path : undefined,
      guarded: (operation) => operation(),
    },
    { objects, report: 'comprehensive-3d-sr', language },
  );
}
