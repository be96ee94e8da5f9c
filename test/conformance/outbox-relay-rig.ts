import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';

import { createStudyStore } from '../../adapters/database/study-store/study-store.js';
import type { QueueBackendOptions } from '../../adapters/queue/backend.js';
import type { OutboxRelay, OutboxRelayDeps } from '../../adapters/queue/outbox-relay.js';
import { createOutboxRelay, HANDED_OVER_LEASE_MS } from '../../adapters/queue/outbox-relay.js';
import type { JobQueue } from '../../core/jobs/job-queue.js';
import type { JobTaker } from '../../core/jobs/job-taker.js';
import type { NewJob } from '../../core/jobs/jobs.js';
import { silentLogger } from '../../core/log.js';
import type { StudyStore } from '../../core/storage/study-store.js';
import { createTestQueue, newPrefix } from '../support/queue-bed.js';
import { collectInstances } from '../support/queue-suite.js';
import { sampleInstance } from '../support/sample-study.js';
import type { TestDatabase } from '../support/test-database.js';

export interface RelayBed {
  readonly database: TestDatabase;
  readonly backend: QueueBackendOptions;
  /** The server of the queue, of the database, or of both. */
  readonly server?: { kill(): Promise<void>; restart(): Promise<void> };
  close(): Promise<void>;
}

export const FOREVER_MS = 3_600_000;

/** A bed for all tests of the suite around it; an empty database and a queue for each of them. */
export function createRelayRig(open: () => Promise<RelayBed>) {
  let bed: RelayBed;
  let queue: JobQueue;
  /** What a test starts and opens; the relay is closed behind it. */
  const own: { relay: OutboxRelay | undefined; store: StudyStore | undefined } = {
    relay: undefined,
    store: undefined,
  };

  beforeAll(async () => {
    bed = await open();
  });
  afterAll(() => bed.close());

  beforeEach(async () => {
    await bed.database.empty();
    queue = createTestQueue(bed.backend, newPrefix());
    own.relay = undefined;
    own.store = rig.openStore();
  });
  afterEach(async () => {
    await own.relay?.close();
    await queue.close();
  });

  const rig = {
    get bed() {
      return bed;
    },
    get queue() {
      return queue;
    },
    get relay() {
      return own.relay;
    },
    set relay(relay: OutboxRelay | undefined) {
      own.relay = relay;
    },
    get store(): StudyStore {
      return own.store!;
    },
    set store(store: StudyStore) {
      own.store = store;
    },

    /** @param taker gets the jobs; without it they wait for whoever looks */
    openStore(taker?: JobTaker, clock = Date.now): StudyStore {
      return createStudyStore({ pool: bed.database.pool, clock }, { taker });
    },

    /** A store that hands its jobs to the relay. */
    openHandingStore(clock = Date.now): StudyStore {
      const taker: JobTaker = {
        leaseMs: HANDED_OVER_LEASE_MS,
        take: (...args) => own.relay?.take(...args),
        wake: () => own.relay?.wake(),
      };
      return rig.openStore(taker, clock);
    },

    start(deps: Partial<OutboxRelayDeps> = {}, sweepIntervalMs = FOREVER_MS): OutboxRelay {
      const all = {
        store: rig.store,
        queue,
        logger: silentLogger,
        clock: Date.now,
        random: () => 0,
        ...deps,
      };
      return createOutboxRelay(all, { sweepIntervalMs });
    },

    async record(count: number): Promise<string[]> {
      const ids: string[] = [];
      for (let index = 0; index < count; index += 1) {
        ids.push((await rig.store.recordInstance(sampleInstance())).instanceId);
      }
      return ids;
    },

    collect: () => collectInstances(queue, 4),

    /** The queue, and what the relay brings to it. */
    watchQueue() {
      const enqueued: NewJob[] = [];
      const handedOver: NewJob[] = [];
      const watching: OutboxRelayDeps['queue'] = {
        handOver(job) {
          handedOver.push(job);
          return queue.handOver(job);
        },
        enqueue(jobs) {
          enqueued.push(...jobs);
          return queue.enqueue(jobs);
        },
      };
      return { enqueued, handedOver, watching };
    },

    async leasedUntilMs(): Promise<number> {
      const { rows } = await bed.database.pool.query<{ leased_until: Date }>(
        'SELECT leased_until FROM outbox',
      );
      return rows[0]!.leased_until.getTime();
    },

    async expectEmptyOutbox(): Promise<void> {
      const { rows } = await bed.database.pool.query('SELECT job_id FROM outbox');
      expect(rows).toEqual([]);
    },
  };
  return rig;
}
