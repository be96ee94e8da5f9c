import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import type { QueueBackendOptions } from '../../adapters/queue/backend.js';
import { PipelineError } from '../../core/errors.js';
import type { JobContext, JobQueue, PoisonedJob } from '../../core/jobs/job-queue.js';
import type { NewJob } from '../../core/jobs/jobs.js';
import { eventually } from '../support/eventually.js';
import { createTestQueue, newPrefix, openQueueAt } from '../support/queue-bed.js';
import type { QueuePlace } from '../support/queue-bed.js';
import { runScript } from '../support/script-process.js';

export interface QueueBed {
  readonly backend: QueueBackendOptions;
  /** A place that no other test uses and that this process has not opened. */
  newPlace(): Promise<QueuePlace>;
  /** Where the queue has a server of its own. */
  readonly server?: {
    kill(): Promise<void>;
    restart(): Promise<void>;
    freeze?(): void;
    thaw?(): void;
  };
  close(): Promise<void>;
}

/** What every job queue must do. `open` gives its surroundings for the whole suite. */
export function describeJobQueue(name: string, open: () => Promise<QueueBed>): void {
  describe(`job queue: ${name}`, () => {
    let bed: QueueBed;
    let prefix: string;
    let queue: JobQueue;

    beforeAll(async () => {
      bed = await open();
    });
    afterAll(() => bed.close());
    beforeEach(() => {
      prefix = newPrefix();
      queue = createTestQueue(bed.backend, prefix);
    });
    afterEach(() => queue.close());

    /** Works on `infer` and keeps what it gets. */
    async function collect(concurrency = 1): Promise<string[]> {
      const seen: string[] = [];
      await queue.work(
        'infer',
        ({ instanceId }) => {
          seen.push(instanceId);
          return Promise.resolve();
        },
        { concurrency },
      );
      return seen;
    }

    it('gives a job that asks to come again once more, without counting an attempt', async () => {
      const attempts: number[] = [];
      await queue.work(
        'infer',
        (_payload, { attempt }) => {
          attempts.push(attempt);
          return Promise.resolve(attempts.length < 3 ? { repeatAfterMs: 20 } : undefined);
        },
        { concurrency: 1 },
      );
      await queue.enqueue([inferJob()]);
      await eventually(() => {
        expect(attempts).toEqual([1, 1, 1]);
      });
    });

    it('gives a job to a worker with its payload', async () => {
      const seen: unknown[] = [];
      await queue.work(
        'assemble',
        (payload, context) => {
          seen.push(payload, context);
          return Promise.resolve();
        },
        { concurrency: 1 },
      );
      const payload = { studyId: randomUUID(), activity: 3 };
      await queue.enqueue([{ id: randomUUID(), name: 'assemble', payload, priorityRank: 2 }]);
      await eventually(() => {
        expect(seen).toEqual([payload, { attempt: 1, lastAttempt: false, priorityRank: 2 }]);
      });
    });

    it('wakes an idle worker', async () => {
      const seen = await collect();
      await sleep(500);
      const job = inferJob();
      await queue.enqueue([job]);
      await eventually(() => {
        expect(seen).toHaveLength(1);
      });
    });

    it('serves the urgent first and of these the oldest', async () => {
      const routine = Array.from({ length: 3 }, () => inferJob({ priorityRank: 3 }));
      const urgent = Array.from({ length: 3 }, () => inferJob({ priorityRank: 2 }));
      const stat = Array.from({ length: 3 }, () => inferJob({ priorityRank: 1 }));
      await queue.enqueue(routine);
      await queue.enqueue([...urgent, ...stat]);
      const seen = await collect();
      await eventually(() => {
        expect(seen).toEqual([...stat, ...urgent, ...routine].map((job) => job.payload.instanceId));
      });
    });

    it('keeps a job back until its time', async () => {
      const seen = await collect();
      const dueMs = Date.now() + 700;
      await queue.enqueue([inferJob({ notBeforeMs: dueMs }), inferJob()]);
      await eventually(() => {
        expect(seen).toHaveLength(1);
      });
      expect((await queue.depth('infer')).delayed).toBe(1);
      await eventually(
        () => {
          expect(seen).toHaveLength(2);
        },
        { intervalMs: 5 },
      );
      expect(Date.now()).toBeGreaterThanOrEqual(dueMs);
    });

    it('takes a job whose time has passed at once', async () => {
      const seen = await collect();
      await queue.enqueue([inferJob({ notBeforeMs: Date.now() - 10_000 })]);
      await eventually(() => {
        expect(seen).toHaveLength(1);
      });
    });

    it('knows a job by its id, while it waits and when it is done', async () => {
      const job = inferJob();
      await queue.enqueue([job]);
      await queue.enqueue([job, inferJob({ id: job.id })]);
      expect((await queue.depth('infer')).waiting).toBe(1);
      const seen = await collect();
      await eventually(() => {
        expect(seen).toEqual([job.payload.instanceId]);
      });
      await eventually(async () => {
        expect((await queue.depth('infer')).active).toBe(0);
      });
      const marker = inferJob();
      await queue.enqueue([job, marker]);
      await eventually(() => {
        expect(seen).toEqual([job.payload.instanceId, marker.payload.instanceId]);
      });
    });

    it('retries with growing pauses until it succeeds', async () => {
      const attempts: (JobContext & { atMs: number })[] = [];
      await queue.work(
        'assemble',
        (_payload, context) => {
          attempts.push({ ...context, atMs: Date.now() });
          return attempts.length < 3
            ? Promise.reject(new PipelineError('database-unavailable'))
            : Promise.resolve();
        },
        { concurrency: 1 },
      );
      const payload = { studyId: randomUUID(), activity: 1 };
      await queue.enqueue([{ id: randomUUID(), name: 'assemble', payload, priorityRank: 1 }]);
      await eventually(() => {
        expect(attempts.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
      });
      // The policy's 500 ms and 1 s, halved: the tests' random number is 0.
      expect(attempts[1]!.atMs - attempts[0]!.atMs).toBeGreaterThanOrEqual(250);
      expect(attempts[2]!.atMs - attempts[1]!.atMs).toBeGreaterThanOrEqual(500);
      await eventually(async () => {
        expect(await queue.depth('assemble')).toEqual(nothing);
      });
    });

    it('tells the last attempt and parks the job after it', async () => {
      const contexts: JobContext[] = [];
      await queue.work(
        'infer',
        (_payload, context) => {
          contexts.push(context);
          return Promise.reject(new PipelineError('inference-timeout'));
        },
        { concurrency: 1 },
      );
      await queue.enqueue([inferJob()]);
      await eventually(async () => {
        expect((await queue.depth('infer')).failed).toBe(1);
      });
      expect(contexts).toEqual([
        { attempt: 1, lastAttempt: false, priorityRank: 2 },
        { attempt: 2, lastAttempt: false, priorityRank: 2 },
        { attempt: 3, lastAttempt: true, priorityRank: 2 },
      ]);
    });

    it('parks a job at once on a permanent error, or when its payload is not valid', async () => {
      let calls = 0;
      await queue.work(
        'infer',
        () => {
          calls += 1;
          return Promise.reject(new PipelineError('model-not-found'));
        },
        { concurrency: 1 },
      );
      await queue.enqueue([inferJob(), inferJob({ instanceId: 'not a uuid' })]);
      await eventually(async () => {
        expect((await queue.depth('infer')).failed).toBe(2);
      });
      expect(calls).toBe(1);
    });

    it('logs a failure without what an unknown error says', async () => {
      const logged: unknown[] = [];
      const keep = (facts: unknown, message: string) => logged.push(facts, message);
      const logger = { debug: keep, info: keep, warn: keep, error: keep };
      const logging = createTestQueue(bed.backend, prefix, { logger });
      const job = inferJob();
      await logging.work(
        'infer',
        () => Promise.reject(new Error('cannot parse PatientName Doe^Jane')),
        { concurrency: 1 },
      );
      await logging.enqueue([job]);
      await eventually(async () => {
        expect((await logging.depth('infer')).failed).toBe(1);
      });
      await logging.close();
      expect(JSON.stringify(logged)).not.toContain('Doe');
      expect(logged).toContainEqual(
        expect.objectContaining({
          jobId: job.id,
          attempt: 1,
          reason: 'internal: An internal error.',
        }),
      );
    });

    it('runs as many jobs at once as it is told', async () => {
      let running = 0;
      let most = 0;
      let done = 0;
      await queue.work(
        'infer',
        async () => {
          running += 1;
          most = Math.max(most, running);
          await sleep(100);
          running -= 1;
          done += 1;
        },
        { concurrency: 3 },
      );
      await queue.enqueue(Array.from({ length: 12 }, () => inferJob()));
      await eventually(() => {
        expect(done).toBe(12);
      });
      expect(most).toBe(3);
    });

    it('gives each job to one of several workers', async () => {
      const seen = await collect(2);
      const other = createTestQueue(bed.backend, prefix);
      await other.work(
        'infer',
        ({ instanceId }) => {
          seen.push(instanceId);
          return Promise.resolve();
        },
        { concurrency: 2 },
      );
      const jobs = Array.from({ length: 40 }, () => inferJob());
      await queue.enqueue(jobs);
      await eventually(() => {
        expect(seen.length).toBeGreaterThanOrEqual(40);
      });
      await other.close();
      expect([...seen].sort()).toEqual(jobs.map((job) => job.payload.instanceId).sort());
    });

    it('keeps the queues of different names and installations apart', async () => {
      const seen = await collect();
      const foreign = createTestQueue(bed.backend, newPrefix());
      await foreign.enqueue([inferJob()]);
      await queue.enqueue([
        {
          id: randomUUID(),
          name: 'deliver',
          payload: { deliveryId: randomUUID() },
          priorityRank: 1,
        },
      ]);
      const mine = inferJob();
      await queue.enqueue([mine]);
      await eventually(() => {
        expect(seen).toEqual([mine.payload.instanceId]);
      });
      expect((await foreign.depth('infer')).waiting).toBe(1);
      expect((await queue.depth('deliver')).waiting).toBe(1);
      await foreign.close();
    });

    it('gives the job of a killed worker to another', async () => {
      const place = await bed.newPlace();
      const instanceId = randomUUID();
      const worker = runScript('dying-worker', [JSON.stringify(place), prefix, instanceId]);
      expect((await worker.lines.next()).value).toBe('taken');
      await worker.kill('SIGKILL');

      const opened = await openQueueAt(place, prefix);
      const seen: string[] = [];
      await opened.queue.work(
        'infer',
        (payload) => {
          seen.push(payload.instanceId);
          return Promise.resolve();
        },
        { concurrency: 1 },
      );
      await eventually(
        () => {
          expect(seen).toEqual([instanceId]);
        },
        { timeoutMs: 90_000 },
      );
      await opened.close();
    });

    it('waits for the jobs in hand when it closes, and takes no more', async () => {
      let started = 0;
      let finished = 0;
      const worker = await queue.work(
        'infer',
        async () => {
          started += 1;
          await sleep(400);
          finished += 1;
        },
        { concurrency: 1 },
      );
      await queue.enqueue([inferJob(), inferJob(), inferJob()]);
      await eventually(() => {
        expect(started).toBe(1);
      });
      await Promise.all([worker.close(), worker.close()]);
      expect(finished).toBe(started);
      expect((await queue.depth('infer')).waiting).toBe(3 - finished);
      await queue.close();
      await queue.close();
    });

    it('lets a flood of urgent jobs starve nobody', async () => {
      const routine = randomUUID();
      const stat = () => ({
        id: randomUUID(),
        name: 'infer' as const,
        payload: { instanceId: randomUUID() },
        priorityRank: 1,
      });
      await queue.enqueue([
        { id: randomUUID(), name: 'infer', payload: { instanceId: routine }, priorityRank: 3 },
        ...Array.from({ length: 10 }, stat),
      ]);
      let urgent = 0;
      let routineAfter: number | undefined;
      await queue.work(
        'infer',
        async ({ instanceId }) => {
          if (instanceId === routine) {
            routineAfter = urgent;
          } else {
            urgent += 1;
            // The flood: each urgent job brings the next.
            await queue.enqueue([stat()]);
          }
        },
        { concurrency: 1 },
      );
      await eventually(() => {
        expect(urgent).toBeGreaterThan(30);
      });
      expect(routineAfter).toBeUndefined();
      expect(await queue.promoteOverdue('infer', 3_600_000)).toBe(0);
      expect(await queue.promoteOverdue('infer', 0)).toBe(1);
      await eventually(() => {
        expect(routineAfter).toBeGreaterThan(30);
      });
    });

    it('hands a poisoned job over with its error, and no other', async () => {
      const parked: PoisonedJob[] = [];
      const keeping = createTestQueue(bed.backend, prefix, {
        park: (job) => {
          parked.push(job);
          return Promise.resolve();
        },
      });
      let handled = 0;
      await keeping.work(
        'deliver',
        ({ deliveryId }) => {
          handled += 1;
          throw new PipelineError(deliveryId === poison ? 'internal' : 'storage-unavailable');
        },
        { concurrency: 1 },
      );
      const poison = randomUUID();
      for (const deliveryId of [poison, randomUUID()]) {
        await keeping.enqueue([
          { id: randomUUID(), name: 'deliver', payload: { deliveryId }, priorityRank: 3 },
        ]);
      }
      await eventually(() => {
        expect(handled).toBeGreaterThan(2);
      });
      expect(parked).toMatchObject([
        {
          name: 'deliver',
          payload: { deliveryId: poison },
          attempts: 1,
          error: { code: 'internal' },
        },
      ]);
      await keeping.close();
    });

    it('remembers that it was told to', async () => {
      if (!(await queue.remembers())) {
        await queue.remember();
      }
      expect(await queue.remembers()).toBe(true);
    });

    it('answers a ping', async () => {
      await expect(queue.ping()).resolves.toBeUndefined();
      await expect(queue.enqueue([])).resolves.toBeUndefined();
      expect(await queue.depth('deliver')).toEqual(nothing);
    });

    it('fails while its server is away, and works again by itself', async (context) => {
      const { server } = bed;
      if (server === undefined) {
        context.skip('this queue has no server of its own');
        return;
      }
      const seen = await collect();
      const before = inferJob({ notBeforeMs: Date.now() + 1_000 });
      await queue.enqueue([before]);

      await server.kill();
      await expect(queue.enqueue([inferJob()])).rejects.toMatchObject({
        code: 'queue-unavailable',
      });
      await expect(queue.ping()).rejects.toMatchObject({ code: 'queue-unavailable' });
      const late = createTestQueue(bed.backend, prefix);
      await expect(late.ping()).rejects.toMatchObject({ code: 'queue-unavailable' });
      await expect(
        late.work('infer', () => Promise.resolve(), { concurrency: 1 }),
      ).rejects.toMatchObject({ code: 'queue-unavailable' });

      await server.restart();
      const after = inferJob();
      await eventually(() => queue.enqueue([after]), { timeoutMs: 20_000 });
      await eventually(() => late.ping(), { timeoutMs: 20_000 });
      await eventually(
        () => {
          expect([...seen].sort()).toEqual(
            [before.payload.instanceId, after.payload.instanceId].sort(),
          );
        },
        { timeoutMs: 20_000 },
      );
      await late.close();
    });

    it('closes while its server is away', async (context) => {
      const { server } = bed;
      if (server === undefined) {
        context.skip('this queue has no server of its own');
        return;
      }
      await collect();
      await queue.enqueue([inferJob()]);
      await server.kill();
      try {
        await queue.close();
      } finally {
        await server.restart();
      }
    });

    it('fails while its server stands still, and works again', async (context) => {
      const { server } = bed;
      if (server?.freeze === undefined) {
        context.skip('this server cannot be made to stand still');
        return;
      }
      const seen = await collect();
      await queue.ping();
      server.freeze();
      try {
        await expect(queue.enqueue([inferJob()])).rejects.toMatchObject({
          code: 'queue-unavailable',
        });
      } finally {
        server.thaw?.();
      }
      const after = inferJob();
      await eventually(() => queue.enqueue([after]), { timeoutMs: 20_000 });
      await eventually(() => {
        expect(seen).toContain(after.payload.instanceId);
      });
    });
  });
}

const nothing = { waiting: 0, active: 0, delayed: 0, failed: 0 };

interface InferJobOptions {
  readonly id?: string;
  readonly instanceId?: string;
  readonly priorityRank?: number;
  readonly notBeforeMs?: number;
}

function inferJob(options: InferJobOptions = {}): Extract<NewJob, { name: 'infer' }> {
  const { notBeforeMs } = options;
  return {
    id: options.id ?? randomUUID(),
    name: 'infer',
    payload: { instanceId: options.instanceId ?? randomUUID() },
    priorityRank: options.priorityRank ?? 2,
    ...(notBeforeMs !== undefined && { notBeforeMs }),
  };
}
