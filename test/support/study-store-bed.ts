import { afterAll, beforeAll, beforeEach, expect } from 'vitest';

import { createStudyStore } from '../../adapters/database/study-store/study-store.js';
import type { DicomUid } from '../../core/dicom/uid.js';
import type { NewJob } from '../../core/jobs/jobs.js';
import type {
  DeliveryRoute,
  NewInstance,
  RecordInstanceResult,
  StudyStore,
} from '../../core/storage/study-store.js';
import {
  SAMPLE_TIME_MS,
  sampleInstance,
  sampleOutcome,
  sampleTimes,
  type SampleInstance,
} from './sample-study.js';
import type { TestDatabase } from './test-database.js';

type Recorded = Extract<RecordInstanceResult, { readonly kind: 'stored' }> & {
  readonly instance: NewInstance;
  readonly StudyInstanceUID: DicomUid;
};

/** A study store on an empty database for each test of a suite, with a clock that the test turns. */
export interface StudyStoreBed {
  readonly store: StudyStore;
  nowMs: number;
  /** The jobs that commits have handed over, all still in the outbox for anybody. */
  readonly handed: NewJob[];
  /** How often many were put there at once. */
  wakeUps: number;
  /** Another process on the same database, as far as the database can tell. */
  openStore(): StudyStore;
  record(sample?: SampleInstance): Promise<Recorded>;
  /** Gives an instance its outcome. */
  finish(instanceId: string, quietMs?: number): ReturnType<StudyStore['recordOutcome']>;
  /** Everything in the outbox, in its order. */
  outbox(): ReturnType<StudyStore['claimJobs']>;
  /** The same, moved on. */
  drain(): ReturnType<StudyStore['claimJobs']>;
}

export function useStudyStoreBed(open: () => Promise<TestDatabase>): StudyStoreBed {
  let database: TestDatabase;
  let store: StudyStore;

  beforeAll(async () => {
    database = await open();
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    await database.empty();
    bed.nowMs = SAMPLE_TIME_MS;
    bed.handed.length = 0;
    bed.wakeUps = 0;
    store = bed.openStore();
  });

  const bed: StudyStoreBed = {
    get store() {
      return store;
    },
    nowMs: SAMPLE_TIME_MS,
    handed: [],
    wakeUps: 0,
    openStore: () =>
      createStudyStore(
        { pool: database.pool, clock: () => bed.nowMs },
        {
          taker: {
            leaseMs: 0,
            take: (jobs) => void bed.handed.push(...jobs),
            wake: () => (bed.wakeUps += 1),
          },
        },
      ),
    async record(sample = {}) {
      const instance = sampleInstance(sample);
      const result = await store.recordInstance(instance);
      if (result.kind !== 'stored') {
        expect.unreachable(`the instance is a ${result.kind}`);
      }
      return { ...result, instance, StudyInstanceUID: instance.identity.StudyInstanceUID };
    },
    finish: (instanceId, quietMs = 0) =>
      store.recordOutcome(instanceId, sampleOutcome, sampleTimes, quietMs),
    outbox: () => store.claimJobs(1_000, bed.nowMs + 60_000),
    async drain() {
      const jobs = await bed.outbox();
      await store.completeJobs(ids(jobs), bed.nowMs);
      return jobs;
    },
  };
  return bed;
}

export function ids(jobs: readonly NewJob[]): string[] {
  return jobs.map((job) => job.id);
}

export function routes(...destinations: string[]): DeliveryRoute[] {
  return destinations.map((destination) => ({ destination, order: 0, onlyIfToldBefore: false }));
}
