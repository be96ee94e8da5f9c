import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { afterEach, beforeAll, describe, expect, test } from 'vitest';

import {
  createClassifierPool,
  type ClassifierPool,
} from '../../adapters/inference/classifier-pool.js';
import { packageRoot } from '../../adapters/process/package-info.js';
import { classifyFile } from '../../core/archive/classify-file.js';
import { firstLogit, firstPid, usePools } from '../support/pool-fixture.js';

/** An entry of children that take as long as said for an image and give its path back; one that is poison kills them. */
const ECHO = `
import { serveClassifier } from '${join(packageRoot, 'dist/adapters/inference/child-server.js')}';
serveClassifier(async ({ imageMs }) => ({
  engine: {}, maxBatch: 1, batchDelayMs: 0,
  prepare: async ({ source: { path } }) => {
    const endMs = performance.now() + imageMs;
    while (performance.now() < endMs);
    if (path === 'poison') process.kill(process.pid, 'SIGKILL');
    return { kind: 'answered', classification: { kind: 'not-analysed', detail: path, gates: [] } };
  },
}));
`;
const { fixture, logger, openPool, warnings } = usePools();
const opened: ClassifierPool[] = [];
let entryPath: string;

beforeAll(async () => {
  entryPath = join(fixture().folder, 'echo.mjs');
  await writeFile(entryPath, ECHO);
});

afterEach(() => Promise.all(opened.splice(0).map((pool) => pool.close())));

async function openEcho(settings: { readonly imageMs: number }): Promise<ClassifierPool> {
  const pool = await createClassifierPool(
    { logger },
    {
      entryPath,
      settings,
      processes: 2,
      imageTimeLimitMs: 10_000,
      startTimeLimitMs: 60_000,
      memoryLimitMb: 512,
      purpose: 'throughput',
    },
  );
  opened.push(pool);
  return pool;
}

/** Most that the pool would have had at once while it did these. */
async function mostInHand(pool: ClassifierPool, paths: readonly string[]): Promise<number> {
  let most = 0;
  await Promise.all(
    paths.map(async (path) => {
      await pool.classify({ path });
      most = Math.max(most, pool.concurrency);
    }),
  );
  return most;
}

const PATHS = Array.from({ length: 300 }, (_, index) => `image-${index}`);

describe('a pool for throughput', () => {
  test('gives every image its own answer', async () => {
    const { images } = fixture();
    const alone = await openPool({ PREREAD_INFERENCE_PROCESSES: 1 });
    const expected: number[] = [];
    for (const path of images) {
      expected.push(firstLogit(await alone.classify({ path })));
    }
    const pool = await openPool({}, { purpose: 'throughput' });
    const work = Array.from({ length: 10 }, () => images).flat();
    const answers = await Promise.all(work.map((path) => pool.classify({ path })));
    expect(answers.map(firstLogit)).toEqual(Array.from({ length: 10 }, () => expected).flat());
  });

  test('hands more images over while they are fast', async () => {
    const pool = await openEcho({ imageMs: 1 });
    expect(pool.concurrency).toBe(4);
    const most = await mostInHand(pool, PATHS);
    expect(most).toBeGreaterThan(24);
    expect(most).toBeLessThanOrEqual(32);
  });

  test('hands few over while they are slow, and answers each at once', async () => {
    const pool = await openEcho({ imageMs: 120 });
    const most = await mostInHand(pool, PATHS.slice(0, 24));
    expect(most).toBeLessThanOrEqual(6);
  });

  test('reports the image that kills its process, and no other', async () => {
    const pool = await openEcho({ imageMs: 1 });
    const paths = [...PATHS.slice(0, 200), 'poison', ...PATHS.slice(200)];
    const results = await Promise.allSettled(paths.map((path) => pool.classify({ path })));
    expect(results[200]).toMatchObject({
      status: 'rejected',
      reason: { code: 'inference-crashed' },
    });
    const told = results.map((result) =>
      result.status === 'fulfilled' && result.value.kind === 'not-analysed'
        ? result.value.detail
        : 'lost',
    );
    expect(told).toEqual(paths.map((path) => (path === 'poison' ? 'lost' : path)));
    // With others in hand first, then alone.
    expect(warnings.map(({ code }) => code)).toEqual(['inference-crashed', 'inference-crashed']);
  });

  test('tries such an image of an archive no more often than that', async () => {
    const pool = await openEcho({ imageMs: 1 });
    const paths = [...PATHS.slice(0, 100), 'poison', ...PATHS.slice(100)];
    const outcomes = await Promise.all(paths.map((path) => classifyFile(pool, path, {})));
    expect(outcomes[100]).toMatchObject({ reason: 'processing-failed' });
    expect(warnings).toHaveLength(2);
  });

  test('loses nothing when a process is killed that holds several', async () => {
    const pool = await openEcho({ imageMs: 2 });
    const answers = PATHS.map((path) => pool.classify({ path }));
    await answers[99];
    process.kill(firstPid(pool), 'SIGKILL');
    const details = (await Promise.all(answers)).map((answer) =>
      answer.kind === 'not-analysed' ? answer.detail : '',
    );
    expect(details).toEqual(PATHS);
    expect(warnings).toHaveLength(1);
  });

  test('finishes the images in work when it is closed', async () => {
    const pool = await openEcho({ imageMs: 5 });
    let answered = 0;
    const answers = Promise.allSettled(
      PATHS.map(async (path) => {
        await pool.classify({ path });
        answered += 1;
      }),
    );
    await delay(300);
    const inWork = pool.concurrency;
    const before = answered;
    await pool.close();
    const results = await answers;
    const done = results.filter(({ status }) => status === 'fulfilled').length;
    expect(done).toBeGreaterThan(inWork);
    expect(done).toBeLessThan(PATHS.length);
    // One process at least had as many as it may have.
    expect(done - before).toBeGreaterThanOrEqual(inWork / 2);
    for (const refused of results.slice(done)) {
      expect(refused).toMatchObject({ reason: { code: 'shutting-down' } });
    }
  });
});
