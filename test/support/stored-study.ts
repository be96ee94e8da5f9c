import { createOperationsStore } from '../../adapters/database/operations-store/operations-store.js';
import { createSentCommitments } from '../../adapters/database/sent-commitments.js';
import { createStudyStore } from '../../adapters/database/study-store/study-store.js';
import type { InstanceOutcome } from '../../core/results/outcome.js';
import type { OperationsStore } from '../../core/storage/operations-store.js';
import type { SentCommitments } from '../../core/storage/sent-commitments.js';
import type { StudyStore } from '../../core/storage/study-store.js';
import { SAMPLE_TIME_MS, sampleInstance, sampleResult, sampleTimes } from './sample-study.js';
import type { TestDatabase } from './test-database.js';

export const FAILED = {
  kind: 'not-analysed',
  reason: 'processing-failed',
  detail: 'Processing failed repeatedly (inference-timeout)',
  warnings: [],
} satisfies InstanceOutcome;

export const TO_HOOK = { destination: 'hook', order: 0, onlyIfToldBefore: false };

export interface FinishedStudy {
  readonly StudyInstanceUID: string;
  readonly studyId: string;
  readonly instanceId: string;
  readonly objectKey: string;
  readonly deliveryId: string;
}

/** Both stores on one database, with a clock that a test turns. */
export interface StoreBed {
  readonly store: StudyStore;
  readonly operations: OperationsStore;
  readonly sentCommitments: SentCommitments;
  nowMs: number;
  /** A study of one image that has its outcome and its first result, to one destination. */
  finishedStudy(outcome: InstanceOutcome): Promise<FinishedStudy>;
  /** What is in the outbox, moved on. */
  drain(): ReturnType<StudyStore['claimJobs']>;
}

/** A study of one image that has its outcome and its first result, to one destination. */
export async function recordFinishedStudy(
  store: StudyStore,
  nowMs: number,
  outcome: InstanceOutcome,
): Promise<FinishedStudy> {
  const instance = sampleInstance({ receivedAtMs: nowMs });
  const stored = await store.recordInstance(instance);
  if (stored.kind !== 'stored') {
    throw new Error(stored.kind);
  }
  const { instanceId, studyId } = stored;
  const { StudyInstanceUID } = instance.identity;
  await store.recordOutcome(instanceId, outcome, sampleTimes, nowMs);
  const activity = (await store.loadStudy(studyId))?.study.activity ?? 0;
  await store.recordResult(studyId, sampleResult(StudyInstanceUID, 1), activity, [TO_HOOK]);
  const found = await store.findStudy(StudyInstanceUID);
  const deliveryId = found?.deliveries[0]?.deliveryId ?? '';
  return { StudyInstanceUID, studyId, instanceId, objectKey: instance.objectKey, deliveryId };
}

export function createStoreBed(database: TestDatabase): StoreBed {
  const deps = { pool: database.pool, clock: () => bed.nowMs };
  const store = createStudyStore(deps, {});
  const operations = createOperationsStore(deps, {});
  const sentCommitments = createSentCommitments(deps, {});
  const drain: StoreBed['drain'] = async () => {
    const jobs = await store.claimJobs(1_000, bed.nowMs + 60_000);
    await store.completeJobs(
      jobs.map(({ id }) => id),
      bed.nowMs,
    );
    return jobs;
  };
  const bed: StoreBed = {
    store,
    operations,
    sentCommitments,
    nowMs: SAMPLE_TIME_MS,
    drain,
    async finishedStudy(outcome) {
      const finished = await recordFinishedStudy(store, bed.nowMs, outcome);
      await drain();
      return finished;
    },
  };
  return bed;
}
