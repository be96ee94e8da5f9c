import { createStudyStore } from '../../adapters/database/study-store/study-store.js';
import type { StudyStore } from '../../core/storage/study-store.js';
import { openEmbeddedTestDatabase } from './test-database.js';

/** The study store on an embedded database of its own; opening one takes seconds. */
export interface TestStudies {
  readonly studies: StudyStore;
  close(): Promise<void>;
}

export async function openStudies(): Promise<TestStudies> {
  const { pool, close } = await openEmbeddedTestDatabase();
  const studies = createStudyStore({ pool, clock: Date.now }, { onOutbox: () => undefined });
  return { studies, close };
}
