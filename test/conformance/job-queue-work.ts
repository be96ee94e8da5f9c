import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import { expect, it } from 'vitest';

import { PipelineError } from '../../core/errors.js';
import type { JobContext } from '../../core/jobs/job-queue.js';
import { eventually } from '../support/eventually.js';
import { createTestQueue, newPrefix } from '../support/queue-bed.js';
import { inferJob, nothing, type QueueSuite } from '../support/queue-suite.js';

/** What every job queue must do with jobs and those who work on them. */
export function describeQueuedWork(suite: QueueSuite): void {
  it('gives a job that asks to come again once more, without counting an attempt', async () => {
    const attempts: number[] = [];
    await suite.queue.work(
      'infer',
      (_payload, { attempt }) => {
        attempts.push(attempt);
        return Promise.resolve(attempts.length < 3 ? { repeatAfterMs: 20 } : undefined);
      },
      { concurrency: 1 },
    );
    await suite.queue.enqueue([inferJob()]);
    await eventually(() => {
      expect(attempts).toEqual([1, 1, 1]);
    });
  });

  it('has a worker do what is handed over, while it has room and is not told to stop', async () => {
    const going: (() => void)[] = [];
    const worker = await suite.queue.work(
      'infer',
      () =>
        new Promise<undefined>((resolve) => {
          going.push(() => {
            resolve(undefined);
          });
        }),
      { concurrency: 2, takesHandedOver: true },
    );
    const attempts = [1, 2, 3].map(() => suite.queue.handOver(inferJob()));
    expect(attempts).toEqual([expect.any(Promise), expect.any(Promise), undefined]);
    going[0]?.();
    expect(await attempts[0]).toBeUndefined();
    const last = suite.queue.handOver(inferJob());
    expect(last).toBeDefined();
    const closing = worker.close();
    expect(suite.queue.handOver(inferJob())).toBeUndefined();
    going.slice(1).forEach((finish) => {
      finish();
    });
    await closing;
    expect(await last).toBeUndefined();
    expect(await suite.queue.depth('infer')).toEqual(nothing);
  });

  it('hands nothing over to a worker that takes from the queue alone', async () => {
    await suite.collect(1);
    expect(suite.queue.handOver(inferJob())).toBeUndefined();
  });

  it('gives a job to a worker with its payload', async () => {
    const seen: unknown[] = [];
    await suite.queue.work(
      'assemble',
      (payload, context) => {
        seen.push(payload, context);
        return Promise.resolve();
      },
      { concurrency: 1 },
    );
    const payload = { studyId: randomUUID(), activity: 3 };
    const beforeMs = Date.now();
    await suite.queue.enqueue([{ id: randomUUID(), name: 'assemble', payload, priorityRank: 2 }]);
    await eventually(() => {
      expect(seen).toEqual([
        payload,
        {
          attempt: 1,
          lastAttempt: false,
          priorityRank: 2,
          queuedAtMs: expect.any(Number) as number,
        },
      ]);
      expect((seen[1] as JobContext).queuedAtMs).toBeGreaterThanOrEqual(beforeMs);
    });
  });

  it('works on more jobs at the same time once it is told to and one of its jobs has ended', async () => {
    let together = 0;
    const worker = await suite.queue.work(
      'infer',
      async (_payload, { attempt }) => {
        together += 1;
        if (together > 1 || attempt > 1) {
          await eventually(() => {
            expect(together).toBe(3);
          });
        }
      },
      { concurrency: 1 },
    );
    worker.resize(2);
    await suite.queue.enqueue([inferJob(), inferJob(), inferJob()]);
    await eventually(() => {
      expect(together).toBe(3);
    });
  });

  it('wakes an idle worker', async () => {
    const seen = await suite.collect();
    await sleep(500);
    const job = inferJob();
    await suite.queue.enqueue([job]);
    await eventually(() => {
      expect(seen).toHaveLength(1);
    });
  });

  it('serves the urgent first and of these the oldest', async () => {
    const routine = Array.from({ length: 3 }, () => inferJob({ priorityRank: 3 }));
    const urgent = Array.from({ length: 3 }, () => inferJob({ priorityRank: 2 }));
    const stat = Array.from({ length: 3 }, () => inferJob({ priorityRank: 1 }));
    await suite.queue.enqueue(routine);
    await suite.queue.enqueue([...urgent, ...stat]);
    const seen = await suite.collect();
    await eventually(() => {
      expect(seen).toEqual([...stat, ...urgent, ...routine].map((job) => job.payload.instanceId));
    });
  });

  it('keeps a job back until its time', async () => {
    const seen = await suite.collect();
    const dueMs = Date.now() + 700;
    await suite.queue.enqueue([inferJob({ notBeforeMs: dueMs }), inferJob()]);
    await eventually(() => {
      expect(seen).toHaveLength(1);
    });
    expect((await suite.queue.depth('infer')).delayed).toBe(1);
    await eventually(
      () => {
        expect(seen).toHaveLength(2);
      },
      { intervalMs: 5 },
    );
    expect(Date.now()).toBeGreaterThanOrEqual(dueMs);
  });

  it('takes a job whose time has passed at once', async () => {
    const seen = await suite.collect();
    await suite.queue.enqueue([inferJob({ notBeforeMs: Date.now() - 10_000 })]);
    await eventually(() => {
      expect(seen).toHaveLength(1);
    });
  });

  it('knows a job by its id, while it waits and when it is done', async () => {
    const job = inferJob();
    await suite.queue.enqueue([job]);
    await suite.queue.enqueue([job, inferJob({ id: job.id })]);
    expect((await suite.queue.depth('infer')).waiting).toBe(1);
    const seen = await suite.collect();
    await eventually(() => {
      expect(seen).toEqual([job.payload.instanceId]);
    });
    await eventually(async () => {
      expect((await suite.queue.depth('infer')).active).toBe(0);
    });
    const marker = inferJob();
    await suite.queue.enqueue([job, marker]);
    await eventually(() => {
      expect(seen).toEqual([job.payload.instanceId, marker.payload.instanceId]);
    });
  });

  it('retries with growing pauses until it succeeds', async () => {
    const attempts: (JobContext & { atMs: number })[] = [];
    await suite.queue.work(
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
    await suite.queue.enqueue([{ id: randomUUID(), name: 'assemble', payload, priorityRank: 1 }]);
    await eventually(() => {
      expect(attempts.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
    });
    // The policy's 500 ms and 1 s, halved: the tests' random number is 0.
    expect(attempts[1]!.atMs - attempts[0]!.atMs).toBeGreaterThanOrEqual(250);
    expect(attempts[2]!.atMs - attempts[1]!.atMs).toBeGreaterThanOrEqual(500);
    await eventually(async () => {
      expect(await suite.queue.depth('assemble')).toEqual(nothing);
    });
  });

  it('tells the last attempt and parks the job after it', async () => {
    const contexts: JobContext[] = [];
    await suite.queue.work(
      'infer',
      (_payload, context) => {
        contexts.push(context);
        return Promise.reject(new PipelineError('inference-timeout'));
      },
      { concurrency: 1 },
    );
    await suite.queue.enqueue([inferJob()]);
    await eventually(async () => {
      expect((await suite.queue.depth('infer')).failed).toBe(1);
    });
    expect(contexts).toMatchObject([
      { attempt: 1, lastAttempt: false, priorityRank: 2 },
      { attempt: 2, lastAttempt: false, priorityRank: 2 },
      { attempt: 3, lastAttempt: true, priorityRank: 2 },
    ]);
  });

  it('parks a job at once on a permanent error, or when its payload is not valid', async () => {
    let calls = 0;
    await suite.queue.work(
      'infer',
      () => {
        calls += 1;
        return Promise.reject(new PipelineError('model-not-found'));
      },
      { concurrency: 1 },
    );
    await suite.queue.enqueue([inferJob(), inferJob({ instanceId: 'not a uuid' })]);
    await eventually(async () => {
      expect((await suite.queue.depth('infer')).failed).toBe(2);
    });
    expect(calls).toBe(1);
  });

  it('logs a failure without what an unknown error says', async () => {
    const logged: unknown[] = [];
    const keep = (facts: unknown, message: string) => logged.push(facts, message);
    const logger = { debug: keep, info: keep, warn: keep, error: keep };
    const logging = createTestQueue(suite.bed.backend, suite.prefix, { logger });
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
    await suite.queue.work(
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
    await suite.queue.enqueue(Array.from({ length: 12 }, () => inferJob()));
    await eventually(() => {
      expect(done).toBe(12);
    });
    expect(most).toBe(3);
  });

  it('gives each job to one of several workers', async () => {
    const seen = await suite.collect(2);
    const other = createTestQueue(suite.bed.backend, suite.prefix);
    await other.work(
      'infer',
      ({ instanceId }) => {
        seen.push(instanceId);
        return Promise.resolve();
      },
      { concurrency: 2 },
    );
    const jobs = Array.from({ length: 40 }, () => inferJob());
    await suite.queue.enqueue(jobs);
    await eventually(() => {
      expect(seen.length).toBeGreaterThanOrEqual(40);
    });
    await other.close();
    expect([...seen].sort()).toEqual(jobs.map((job) => job.payload.instanceId).sort());
  });

  it('keeps the queues of different names and installations apart', async () => {
    const seen = await suite.collect();
    const foreign = createTestQueue(suite.bed.backend, newPrefix());
    await foreign.enqueue([inferJob()]);
    await suite.queue.enqueue([
      {
        id: randomUUID(),
        name: 'deliver',
        payload: { deliveryId: randomUUID() },
        priorityRank: 1,
      },
    ]);
    const mine = inferJob();
    await suite.queue.enqueue([mine]);
    await eventually(() => {
      expect(seen).toEqual([mine.payload.instanceId]);
    });
    expect((await foreign.depth('infer')).waiting).toBe(1);
    expect((await suite.queue.depth('deliver')).waiting).toBe(1);
    await foreign.close();
  });
}
