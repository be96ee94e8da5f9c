import { setTimeout as sleep } from 'node:timers/promises';

import { toPipelineError } from '../../core/errors.js';
import type { JobQueue } from '../../core/jobs/job-queue.js';
import type { NewJob } from '../../core/jobs/jobs.js';
import type { Logger } from '../../core/log.js';
import type { StudyStore } from '../../core/storage/study-store.js';
import type { Clock } from '../../core/time.js';

export interface OutboxRelayDeps {
  readonly store: Pick<StudyStore, 'claimJobs' | 'completeJobs'>;
  readonly queue: Pick<JobQueue, 'enqueue'>;
  readonly logger: Logger;
  readonly clock: Clock;
}

export interface OutboxRelayOptions {
  /** Pause between looks for entries that a process has left behind when it died. */
  readonly sweepIntervalMs: number;
}

export interface OutboxRelay {
  /** There is something in the outbox: for the store's `onOutbox`. Calls while it works are as one. */
  wake(): void;
  /** Lets the batch in hand go through; what is left goes with another relay or at the next start. */
  close(): Promise<void>;
}

const BATCH_SIZE = 100;
/** Far more than a batch takes. A relay that dies keeps its batch from the others for so long. */
const LEASE_MS = 30_000;
const FIRST_RETRY_MS = 100;
const MAX_RETRY_MS = 5_000;

/**
 * Moves jobs from the database's outbox to the queue, at least once: a job whose completion is not noted
 * is enqueued again under the same id, which the queue knows. Starts with what it finds.
 */
export function createOutboxRelay(deps: OutboxRelayDeps, options: OutboxRelayOptions): OutboxRelay {
  const { store, queue, logger, clock } = deps;
  const closing = new AbortController();
  let awake = false;
  let working: Promise<void> | undefined;
  let batch: { readonly jobs: readonly NewJob[]; readonly leaseUntilMs: number } | undefined;

  /** Whether there may be more. */
  async function moveBatch(): Promise<boolean> {
    // A batch that failed on its way is ours until its lease ends: it cannot be claimed before that.
    let mayBeMore = batch !== undefined;
    if (batch === undefined || batch.leaseUntilMs <= clock()) {
      const leaseUntilMs = clock() + LEASE_MS;
      batch = { jobs: await store.claimJobs(BATCH_SIZE, leaseUntilMs), leaseUntilMs };
      mayBeMore ||= batch.jobs.length === BATCH_SIZE;
    }
    const { jobs } = batch;
    if (jobs.length > 0) {
      await queue.enqueue(jobs);
      await store.completeJobs(
        jobs.map((job) => job.id),
        clock(),
      );
    }
    batch = undefined;
    return mayBeMore;
  }

  async function workUntilEmpty(): Promise<void> {
    let retryMs = FIRST_RETRY_MS;
    while (awake && !closing.signal.aborted) {
      awake = false;
      try {
        awake = (await moveBatch()) || awake;
        retryMs = FIRST_RETRY_MS;
      } catch (error) {
        const { code } = toPipelineError(error);
        logger.warn({ code, retryMs }, 'jobs stay in the outbox for now');
        awake = true;
        await sleep(retryMs, undefined, { signal: closing.signal }).catch(() => undefined);
        retryMs = Math.min(2 * retryMs, MAX_RETRY_MS);
      }
    }
    working = undefined;
  }

  function wake(): void {
    awake = true;
    working ??= workUntilEmpty();
  }

  const sweep = setInterval(wake, options.sweepIntervalMs);
  wake();
  return {
    wake,
    async close() {
      clearInterval(sweep);
      closing.abort();
      await working;
    },
  };
}
