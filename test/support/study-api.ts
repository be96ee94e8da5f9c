import { z } from 'zod';

import { studyResultSchema, type StudyResult } from '../../core/results/study-result.js';

const studySchema = z.object({
  state: z.enum(['analysing', 'ready']),
  result: studyResultSchema.nullable().optional(),
});

/** The latest result of a study through the API; undefined while there is none that covers everything. */
export async function readyResult(
  baseUrl: string,
  StudyInstanceUID: string,
): Promise<StudyResult | undefined> {
  const response = await fetch(`${baseUrl}/api/v1/studies/${StudyInstanceUID}`);
  if (!response.ok) {
    return undefined;
  }
  const study = studySchema.parse(await response.json());
  return study.state === 'ready' ? (study.result ?? undefined) : undefined;
}
