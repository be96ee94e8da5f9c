import type { JobsOptions } from 'bullmq';

import type {
  JobHandler,
  JobQueue,
  JobWorker,
  PoisonedJob,
  WorkOptions,
} from '../../core/jobs/job-queue.js';
import type { JobName, NewJob } from '../../core/jobs/jobs.js';
import { JOB_NAMES } from '../../core/jobs/jobs.js';
import type { Logger } from '../../core/log.js';
import type { Clock } from '../../core/time.js';
import type { QueueBackendOptions } from './backend.js';
import { createQueueBackend } from './backend.js';
import { commonJobOptions, queueName } from './job-options.js';
import type { BullQueue } from './queue-backend.js';
import type { JobTracing } from './job-tracing.js';
import { promoteOverdue } from './promote-overdue.js';
import { openQueueBoard, type QueueBoard } from './queue-board.js';
import { answering } from './queue-error.js';
import { rememberSuccess } from './remember-success.js';
import { runWorker, type RunningWorker } from './run-worker.js';

export interface JobQueueDeps {
  readonly logger: Logger;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Keeps a job that fails for a reason that does not pass. Without it such jobs stay in the queue's list. */
  readonly park?: (job: PoisonedJob) => Promise<void>;
}

export interface JobQueueOptions {
  readonly backend: QueueBackendOptions;
  /** Start of the queues' names. */
  readonly prefix: string;
  /**
   * A job whose worker has died, or has not reported for so long, goes back to the queue at the second
   * look after that. A worker's process must never block for so long.
   */
  readonly lockDurationMs?: number;
  /** Pause between those looks. */
  readonly stalledIntervalMs?: number;
  /** So long may the queue's server take to answer. */
  readonly answerTimeoutMs?: number;
}

/** The queue with what only BullMQ has. */
export interface BullmqJobQueue extends JobQueue {
  /** Makes its tables, where it has some, and opens all queues. Otherwise the first use does that. */
  open(): Promise<void>;
  /** A web page of the queues, to be mounted there. */
  board(basePath: string): Promise<QueueBoard>;
}

interface BullJob {
  readonly traceId: string | undefined;
  readonly name: JobName;
  readonly data: NewJob['payload'];
  readonly opts: JobsOptions;
}

/** The job queue on BullMQ. Connects when first used, and again after a loss. */
export function createBullmqJobQueue(deps: JobQueueDeps, options: JobQueueOptions): BullmqJobQueue {
  const { logger, clock } = deps;
  const { lockDurationMs = 15_000, stalledIntervalMs = 5_000, answerTimeoutMs = 5_000 } = options;
  const backend = createQueueBackend(options.backend);
  const tracing = options.backend.kind === 'redis' ? options.backend.tracing : undefined;
  const prepare = rememberSuccess(() => backend.prepare());
  const workers = new Set<JobWorker>();
  /** Those that take what is handed over. */
  const takers = new Map<JobName, RunningWorker>();
  const queues: Readonly<Record<JobName, () => Promise<BullQueue>>> = {
    infer: rememberSuccess(() => openQueue('infer')),
    assemble: rememberSuccess(() => openQueue('assemble')),
    deliver: rememberSuccess(() => openQueue('deliver')),
  };
  const opened = new Set<BullQueue>();

  const logLoss = (error: Error): void => {
    logger.debug({ reason: error.message }, 'the queue does not answer');
  };

  async function openQueue(name: JobName): Promise<BullQueue> {
    await prepare();
    const queue = backend.createQueue(queueName(options.prefix, name), logLoss);
    opened.add(queue);
    try {
      await queue.waitUntilReady();
      return queue;
    } catch (error) {
      opened.delete(queue);
      await queue.close();
      throw error;
    }
  }

  function bullJob(job: NewJob): BullJob {
    const opts: JobsOptions = {
      ...commonJobOptions(job.name),
      jobId: job.id,
      priority: job.priorityRank,
      delay: Math.max(0, (job.notBeforeMs ?? 0) - clock()),
      ...tracing?.carried(job.traceId),
    };
    return { name: job.name, data: job.payload, opts, traceId: job.traceId };
  }

  async function work<N extends JobName>(
    name: N,
    handler: JobHandler<N>,
    { concurrency, takesHandedOver = false }: WorkOptions,
  ): Promise<JobWorker> {
    await answering(prepare(), answerTimeoutMs);
    const worker = await runWorker({ ...deps, backend, onError: logLoss }, name, handler, {
      queueName: queueName(options.prefix, name),
      concurrency,
      lockDurationMs,
      stalledIntervalMs,
      answerTimeoutMs,
    });
    workers.add(worker);
    if (takesHandedOver) {
      takers.set(name, worker);
    }
    return worker;
  }

  async function depth(name: JobName) {
    const counts = await answering(
      queues[name]().then((queue) =>
        queue.getJobCounts('wait', 'prioritized', 'active', 'delayed', 'failed'),
      ),
      answerTimeoutMs,
    );
    return {
      waiting: (counts['wait'] ?? 0) + (counts['prioritized'] ?? 0),
      active: counts['active'] ?? 0,
      delayed: counts['delayed'] ?? 0,
      failed: counts['failed'] ?? 0,
    };
  }

  function openAll(): Promise<BullQueue[]> {
    return answering(Promise.all(JOB_NAMES.map((name) => queues[name]())), answerTimeoutMs);
  }

  async function closeAll(): Promise<void> {
    await Promise.all([...workers].map((worker) => worker.close()));
    const closing = [...opened].map((queue) => queue.close());
    await answering(Promise.all(closing), answerTimeoutMs).catch(logLoss);
    backend.disconnect();
  }
  let closed: Promise<void> | undefined;

  return {
    async enqueue(jobs) {
      const added = JOB_NAMES.map(async (name) => {
        const ofName = jobs.filter((job) => job.name === name);
        if (ofName.length > 0) {
          await add(await queues[name](), ofName.map(bullJob), backend.minBulk, tracing);
        }
      });
      await answering(Promise.all(added), answerTimeoutMs);
    },
    work,
    handOver: (job) => takers.get(job.name)?.handOver(job),
    depth,
    promoteOverdue: (name, waitedMs) =>
      answering(
        queues[name]().then((queue) => promoteOverdue(queue, clock() - waitedMs)),
        answerTimeoutMs,
      ),
    async remembers() {
      await answering(queues.infer(), answerTimeoutMs);
      return answering(backend.hasMark(options.prefix), answerTimeoutMs);
    },
    remember: () => answering(backend.setMark(options.prefix), answerTimeoutMs),
    async open() {
      await openAll();
    },
    async board(basePath) {
      return openQueueBoard(await openAll(), basePath);
    },
    async ping() {
      await depth('infer');
    },
    close: () => (closed ??= closeAll()),
  };
}

async function add(
  queue: BullQueue,
  jobs: readonly BullJob[],
  minBulk: number,
  tracing: JobTracing | undefined,
): Promise<void> {
  if (jobs.length >= minBulk) {
    await queue.addBulk(jobs.map(({ name, data, opts }) => ({ name, data, opts })));
    return;
  }
  // One after the other: their order is that in which they will be served.
  for (const { name, data, opts, traceId } of jobs) {
    const adding = () => queue.add(name, data, opts);
    await (tracing === undefined ? adding() : tracing.within(traceId, adding));
  }
}
