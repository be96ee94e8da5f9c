import { createBacklogCheck } from '../../adapters/database/backlog.js';
import { createCommitmentStore } from '../../adapters/database/commitment-store.js';
import { createDestinationStore } from '../../adapters/database/destination-store.js';
import { createKeyStore } from '../../adapters/database/key-store.js';
import { createOperationsStore } from '../../adapters/database/operations-store/operations-store.js';
import { createSentCommitments } from '../../adapters/database/sent-commitments.js';
import { createStudyStore } from '../../adapters/database/study-store/study-store.js';
import type { KeyStore } from '../../core/access/key-store.js';
import type { CommitmentStore } from '../../core/storage/commitment-store.js';
import type { DestinationStore } from '../../core/storage/destination-store.js';
import type { OperationsStore } from '../../core/storage/operations-store.js';
import type { SentCommitments } from '../../core/storage/sent-commitments.js';
import type { StudyStore } from '../../core/storage/study-store.js';
import { openEmbeddedTestDatabase } from './test-database.js';

/** The study store and the keys on an embedded database of its own; opening one takes seconds. */
export interface TestStudies {
  readonly studies: StudyStore;
  readonly keys: KeyStore;
  readonly commitments: CommitmentStore;
  readonly sentCommitments: SentCommitments;
  readonly operations: OperationsStore;
  readonly destinationStore: DestinationStore;
  /** A check that is full from so many waiting images on. */
  backlogCheck(maxWaiting: number): () => Promise<void>;
  /** Takes all rows away. */
  empty(): Promise<void>;
  close(): Promise<void>;
}

export async function openStudies(): Promise<TestStudies> {
  const { pool, empty, close } = await openEmbeddedTestDatabase();
  const studies = createStudyStore({ pool, clock: Date.now }, {});
  const keys = createKeyStore({ pool, clock: Date.now });
  const commitments = createCommitmentStore({ pool, clock: Date.now });
  const sentCommitments = createSentCommitments({ pool, clock: Date.now }, {});
  const operations = createOperationsStore({ pool, clock: Date.now }, {});
  const destinationStore = createDestinationStore({ pool, clock: Date.now }, {});
  const backlogCheck = (maxWaiting: number) =>
    createBacklogCheck({ pool, clock: Date.now }, maxWaiting);
  return {
    studies,
    keys,
    commitments,
    sentCommitments,
    operations,
    destinationStore,
    backlogCheck,
    empty,
    close,
  };
}
