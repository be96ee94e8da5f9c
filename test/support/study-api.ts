import type { z } from 'zod';

import type { StudyResult } from '../../core/results/study-result.js';
import { studySchema } from '../../services/ingest-http/routes/studies.js';

/** A study as the API tells it; undefined when it does not know it. */
export async function fetchStudy(
  baseUrl: string,
  StudyInstanceUID: string,
): Promise<z.infer<typeof studySchema> | undefined> {
  const response = await fetch(`${baseUrl}/api/v1/studies/${StudyInstanceUID}`);
  return response.ok ? studySchema.parse(await response.json()) : undefined;
}

/** The latest result of a study; undefined while there is none that covers everything. */
export async function readyResult(
  baseUrl: string,
  StudyInstanceUID: string,
): Promise<StudyResult | undefined> {
  const found = await fetchStudy(baseUrl, StudyInstanceUID);
  return found?.study.state === 'ready' ? found.result : undefined;
}
