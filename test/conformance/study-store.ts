import { describe } from 'vitest';

import { useStudyStoreBed } from '../support/study-store-bed.js';
import type { TestDatabase } from '../support/test-database.js';
import { describeStudyStoreReading } from './study-store-reading.js';
import { describeStudyStoreRecording } from './study-store-recording.js';
import { describeStudyStoreResults } from './study-store-results.js';
import { describeStudyStoreWork } from './study-store-work.js';

/** What every study store must do. `open` gives a database for the whole suite. */
export function describeStudyStore(name: string, open: () => Promise<TestDatabase>): void {
  describe(`study store: ${name}`, () => {
    const bed = useStudyStoreBed(open);
    describeStudyStoreRecording(bed);
    describeStudyStoreResults(bed);
    describeStudyStoreReading(bed);
    describeStudyStoreWork(bed);
  });
}
