import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import { expect, it } from 'vitest';

import { PipelineError } from '../../core/errors.js';
import type { PoisonedJob } from '../../core/jobs/job-queue.js';
import { eventually } from '../support/eventually.js';
import { createTestQueue, openQueueAt } from '../support/queue-bed.js';
import { runScript } from '../support/script-process.js';
import { inferJob, nothing, type QueueSuite } from '../support/queue-suite.js';

/** What every job queue must do when workers die, jobs are poisoned, or its server is away. */
export function describeQueueTrouble(suite: QueueSuite): void {
  it('gives the job of a killed worker to another', async () => {
    const place = await suite.bed.newPlace();
    const instanceId = randomUUID();
    const worker = runScript('dying-worker', [JSON.stringify(place), suite.prefix, instanceId]);
    expect((await worker.lines.next()).value).toBe('taken');
    await worker.kill('SIGKILL');

    const opened = await openQueueAt(place, suite.prefix);
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
    const worker = await suite.queue.work(
      'infer',
      async () => {
        started += 1;
        await sleep(400);
        finished += 1;
      },
      { concurrency: 1 },
    );
    await suite.queue.enqueue([inferJob(), inferJob(), inferJob()]);
    await eventually(() => {
      expect(started).toBe(1);
    });
    await Promise.all([worker.close(), worker.close()]);
    expect(finished).toBe(started);
    expect((await suite.queue.depth('infer')).waiting).toBe(3 - finished);
    await suite.queue.close();
    await suite.queue.close();
  });

  it('lets a flood of urgent jobs starve nobody', async () => {
    const routine = randomUUID();
    const stat = () => ({
      id: randomUUID(),
      name: 'infer' as const,
      payload: { instanceId: randomUUID() },
      priorityRank: 1,
    });
    await suite.queue.enqueue([
      { id: randomUUID(), name: 'infer', payload: { instanceId: routine }, priorityRank: 3 },
      ...Array.from({ length: 10 }, stat),
    ]);
    let urgent = 0;
    let routineAfter: number | undefined;
    await suite.queue.work(
      'infer',
      async ({ instanceId }) => {
        if (instanceId === routine) {
          routineAfter = urgent;
        } else {
          urgent += 1;
          // The flood: each urgent job brings the next.
          await suite.queue.enqueue([stat()]);
        }
      },
      { concurrency: 1 },
    );
    await eventually(() => {
      expect(urgent).toBeGreaterThan(30);
    });
    expect(routineAfter).toBeUndefined();
    expect(await suite.queue.promoteOverdue('infer', 3_600_000)).toBe(0);
    expect(await suite.queue.promoteOverdue('infer', 0)).toBe(1);
    await eventually(() => {
      expect(routineAfter).toBeGreaterThan(30);
    });
  });

  it('hands a poisoned job over with its error, and no other', async () => {
    const parked: PoisonedJob[] = [];
    const keeping = createTestQueue(suite.bed.backend, suite.prefix, {
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
    if (!(await suite.queue.remembers())) {
      await suite.queue.remember();
    }
    expect(await suite.queue.remembers()).toBe(true);
  });

  it('answers a ping', async () => {
    await expect(suite.queue.ping()).resolves.toBeUndefined();
    await expect(suite.queue.enqueue([])).resolves.toBeUndefined();
    expect(await suite.queue.depth('deliver')).toEqual(nothing);
  });

  it('fails while its server is away, and works again by itself', async (context) => {
    const { server } = suite.bed;
    if (server === undefined) {
      context.skip('this queue has no server of its own');
      return;
    }
    const seen = await suite.collect();
    const before = inferJob({ notBeforeMs: Date.now() + 1_000 });
    await suite.queue.enqueue([before]);

    await server.kill();
    await expect(suite.queue.enqueue([inferJob()])).rejects.toMatchObject({
      code: 'queue-unavailable',
    });
    await expect(suite.queue.ping()).rejects.toMatchObject({ code: 'queue-unavailable' });
    const late = createTestQueue(suite.bed.backend, suite.prefix);
    await expect(late.ping()).rejects.toMatchObject({ code: 'queue-unavailable' });
    await expect(
      late.work('infer', () => Promise.resolve(), { concurrency: 1 }),
    ).rejects.toMatchObject({ code: 'queue-unavailable' });

    await server.restart();
    const after = inferJob();
    await eventually(() => suite.queue.enqueue([after]), { timeoutMs: 20_000 });
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
    const { server } = suite.bed;
    if (server === undefined) {
      context.skip('this queue has no server of its own');
      return;
    }
    await suite.collect();
    await suite.queue.enqueue([inferJob()]);
    await server.kill();
    try {
      await suite.queue.close();
    } finally {
      await server.restart();
    }
  });

  it('fails while its server stands still, and works again', async (context) => {
    const { server } = suite.bed;
    if (server?.freeze === undefined) {
      context.skip('this server cannot be made to stand still');
      return;
    }
    const seen = await suite.collect();
    await suite.queue.ping();
    server.freeze();
    try {
      await expect(suite.queue.enqueue([inferJob()])).rejects.toMatchObject({
        code: 'queue-unavailable',
      });
    } finally {
      server.thaw?.();
    }
    const after = inferJob();
    await eventually(() => suite.queue.enqueue([after]), { timeoutMs: 20_000 });
    await eventually(() => {
      expect(seen).toContain(after.payload.instanceId);
    });
  });
}
