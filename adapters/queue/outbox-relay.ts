import { setTimeout as sleep } from 'node:timers/promises';

import { toPipelineError } from '../../core/errors.js';
import type { JobQueue } from '../../core/jobs/job-queue.js';
import type { JobTaker } from '../../core/jobs/job-taker.js';
import type { NewJob } from '../../core/jobs/jobs.js';
import { RETRY_POLICIES, retryDelayMs } from '../../core/jobs/retry.js';
import type { Logger } from '../../core/log.js';
import type { StudyStore } from '../../core/storage/study-store.js';
import type { Clock } from '../../core/time.js';

export interface OutboxRelayDeps {
  readonly store: Pick<StudyStore, 'claimJobs' | 'completeJobs' | 'renewJobs'>;
  readonly queue: Pick<JobQueue, 'enqueue' | 'handOver'>;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

export interface OutboxRelayOptions {
  /** Pause between looks for entries that a process has left behind when it died. */
  readonly sweepIntervalMs: number;
}

export interface OutboxRelay extends Pick<JobTaker, 'take' | 'wake'> {
  /** Lets the jobs in hand go through, unless one fails; what is left goes with another relay or at the next start. */
  close(): Promise<void>;
}

const BATCH_SIZE = 100;
/** Far more than a batch takes. A relay that dies keeps the jobs that it has found from the others for so long. */
export const OUTBOX_LEASE_MS = 5_000;
/**
 * The same of jobs that a commit hands over, and of those that are being done. It is the clock of another process that
 * finds it ended: clocks that differ by seconds must not have work done twice.
 */
export const HANDED_OVER_LEASE_MS = 30_000;
/** So long an entry may outlive its way into the queue: one statement then removes those of many. */
const COMPLETE_AFTER_MS = 200;
/**
 * Jobs that are due so soon are kept until then. A Redis with nothing else to do notices up to a tenth of a second late
 * that a client has waited long enough (its `hz`), and a delay there costs more calls.
 */
const HOLD_MS = 1_000;
const FIRST_RETRY_MS = 100;
const MAX_RETRY_MS = 5_000;

interface JobInHand {
  readonly job: NewJob;
  readonly leasedUntilMs: number;
}

interface JobBeingDone {
  readonly done: Promise<void>;
  leasedUntilMs: number;
}

/**
 * Brings jobs from the database's outbox to the queue, at least once: a job whose completion is not noted
 * is enqueued again under the same id, which the queue knows. Most are handed over by the commit that has made them; what
 * a dead process has left behind is found by looking, at the start and now and then.
 *
 * A job that is handed over and that a worker of this process has room for is done without the queue (docs/adr/0017): its
 * entry stays until it is done, and if that fails it goes to the queue after all.
 */
export function createOutboxRelay(deps: OutboxRelayDeps, options: OutboxRelayOptions): OutboxRelay {
  const { store, queue, logger, clock, random } = deps;
  const closing = new AbortController();
  const completing = createCompletion(deps);
  let looking = false;
  let working: Promise<void> | undefined;
  let inHand: readonly JobInHand[] = [];
  const held = new Map<JobInHand, NodeJS.Timeout>();
  /** What workers of this process do without the queue, by id. */
  const beingDone = new Map<string, JobBeingDone>();
  let renewing: Promise<void> | undefined;

  async function look(): Promise<void> {
    const leasedUntilMs = clock() + OUTBOX_LEASE_MS;
    const jobs = await store.claimJobs(BATCH_SIZE, leasedUntilMs);
    looking ||= jobs.length === BATCH_SIZE;
    const others = jobs.filter(({ id }) => !isBeingDone(id, leasedUntilMs));
    inHand = [...inHand, ...others.map((job) => ({ job, leasedUntilMs }))];
  }

  /** Also notes the new lease of a job whose own one has ended meanwhile. */
  function isBeingDone(jobId: string, leasedUntilMs: number): boolean {
    const job = beingDone.get(jobId);
    if (job !== undefined) {
      job.leasedUntilMs = leasedUntilMs;
    }
    return job !== undefined;
  }

  /** What takes longer than a lease is still nobody else's. */
  async function renewLeases(): Promise<void> {
    const leases = [...beingDone].map(([jobId, { leasedUntilMs }]) => ({ jobId, leasedUntilMs }));
    const leaseUntilMs = clock() + HANDED_OVER_LEASE_MS;
    try {
      for (const jobId of await store.renewJobs(leases, leaseUntilMs)) {
        isBeingDone(jobId, leaseUntilMs);
      }
    } catch (error) {
      const { code } = toPipelineError(error);
      logger.warn({ code }, 'jobs that are being done may be taken for lost');
    }
    renewing = undefined;
  }

  async function enqueueBatch(): Promise<void> {
    const batch = inHand
      .toSorted((a, b) => a.job.priorityRank - b.job.priorityRank)
      .slice(0, BATCH_SIZE);
    await queue.enqueue(batch.map(({ job }) => job));
    const through = new Set(batch);
    inHand = inHand.filter((entry) => !through.has(entry));
    completing.add(batch.map(({ job }) => job.id));
  }

  /** Jobs that failed on their way are ours until their lease ends; then they are looked for as any others. */
  function dropExpired(): void {
    const ours = inHand.filter(({ leasedUntilMs }) => leasedUntilMs > clock());
    looking ||= ours.length < inHand.length;
    inHand = ours;
  }

  async function step(): Promise<void> {
    if (inHand.length > 0) {
      await enqueueBatch();
    }
    if (looking && !closing.signal.aborted) {
      looking = false;
      await look().catch((error: unknown) => {
        looking = true;
        throw error;
      });
    }
  }

  const isWorkLeft = (): boolean => inHand.length > 0 || (looking && !closing.signal.aborted);

  /** To be called when there is work left: without any it would end before it is known to run. */
  async function work(): Promise<void> {
    let retryMs = FIRST_RETRY_MS;
    while (isWorkLeft()) {
      try {
        await step();
        retryMs = FIRST_RETRY_MS;
      } catch (error) {
        const { code } = toPipelineError(error);
        logger.warn({ code, retryMs }, 'jobs stay in the outbox for now');
        await sleep(retryMs, undefined, { signal: closing.signal }).catch(() => undefined);
        if (closing.signal.aborted) {
          break;
        }
        retryMs = Math.min(2 * retryMs, MAX_RETRY_MS);
        dropExpired();
      }
    }
    working = undefined;
  }

  function start(): void {
    if (!closing.signal.aborted && isWorkLeft()) {
      working ??= work();
    }
  }

  /** Gives a job that was just committed to a worker of this process. Not one that is found: it may have ended a process. */
  function handOver(entry: JobInHand): boolean {
    const { job } = entry;
    const toQueueAfter = (delayMs: number): void => {
      const leasedUntilMs = beingDone.get(job.id)?.leasedUntilMs ?? entry.leasedUntilMs;
      enqueue([{ job: { ...job, notBeforeMs: clock() + delayMs }, leasedUntilMs }]);
    };
    const done = queue.handOver(job)?.then(
      (repeat) => {
        if (repeat === undefined) {
          completing.add([job.id]);
        } else {
          toQueueAfter(repeat.repeatAfterMs);
        }
      },
      (error: unknown) => {
        const { code } = toPipelineError(error);
        logger.warn({ job: job.name, jobId: job.id, code }, 'job failed, goes to the queue');
        // As if the queue had seen it fail: what has just failed would fail at once again.
        toQueueAfter(retryDelayMs(RETRY_POLICIES[job.name], 1, random()));
      },
    );
    if (done === undefined) {
      return false;
    }
    beingDone.set(job.id, {
      done: done.finally(() => beingDone.delete(job.id)),
      leasedUntilMs: entry.leasedUntilMs,
    });
    return true;
  }

  function enqueue(entries: readonly JobInHand[]): void {
    inHand = [...inHand, ...entries];
    start();
  }

  /** Jobs that are due: a worker does not look at a job's time. */
  function add(entries: readonly JobInHand[]): void {
    enqueue(entries.filter((entry) => closing.signal.aborted || !handOver(entry)));
  }

  function hold(entry: JobInHand, forMs: number): void {
    const timer = setTimeout(() => {
      held.delete(entry);
      add([entry]);
    }, forMs);
    held.set(entry, timer);
  }

  /** None of them is due: they are the queue's, which keeps them until then. */
  function releaseAll(): void {
    for (const timer of held.values()) {
      clearTimeout(timer);
    }
    enqueue([...held.keys()]);
    held.clear();
  }

  function wake(): void {
    looking = true;
    start();
  }

  const sweep = setInterval(() => {
    if (beingDone.size > 0) {
      renewing ??= renewLeases();
    }
    wake();
  }, options.sweepIntervalMs);
  wake();
  return {
    take(jobs, leasedUntilMs) {
      const due: JobInHand[] = [];
      const later: JobInHand[] = [];
      for (const job of jobs) {
        const entry = { job, leasedUntilMs };
        const dueInMs = (job.notBeforeMs ?? 0) - clock();
        if (dueInMs <= 0) {
          due.push(entry);
        } else if (dueInMs <= HOLD_MS && !closing.signal.aborted) {
          // A timer may be a millisecond early.
          hold(entry, dueInMs + 1);
        } else {
          later.push(entry);
        }
      }
      enqueue(later);
      add(due);
    },
    wake,
    async close() {
      releaseAll();
      closing.abort();
      // What ends late is still not to be done by another process: the sweep renews its lease until then.
      await Promise.all([...beingDone.values()].map(({ done }) => done));
      clearInterval(sweep);
      await renewing;
      await working;
      await completing.close();
    },
  };
}

/** Removes entries whose jobs are in the queue, those of some time together. */
function createCompletion({ store, logger, clock }: OutboxRelayDeps) {
  let jobIds: string[] = [];
  let lastAtMs = 0;
  let timer: NodeJS.Timeout | undefined;
  let running = Promise.resolve();

  async function complete(): Promise<void> {
    timer = undefined;
    const completed = jobIds;
    jobIds = [];
    try {
      await store.completeJobs(completed, lastAtMs);
    } catch (error) {
      // Their lease ends, and they are enqueued again under their ids.
      logger.warn(
        { code: toPipelineError(error).code },
        'jobs in the queue stay in the outbox too',
      );
    }
  }

  function run(): void {
    running = running.then(complete);
  }

  return {
    add(ids: readonly string[]): void {
      jobIds.push(...ids);
      lastAtMs = clock();
      timer ??= setTimeout(run, COMPLETE_AFTER_MS);
    },
    async close(): Promise<void> {
      clearTimeout(timer);
      run();
      await running;
    },
  };
}
