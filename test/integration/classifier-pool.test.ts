import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, existsSync, openSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import sharp from 'sharp';
import { beforeAll, describe, expect, test } from 'vitest';

import { createClassifierPool } from '../../adapters/inference/classifier-pool.js';
import { residentBytes } from '../../adapters/inference/resident-memory.js';
import { openClassifier } from '../../workers/inference/open-classifier.js';
import { packageRoot } from '../../adapters/process/package-info.js';
import { classifierConfig } from '../support/classifier-config.js';
import { eventually } from '../support/eventually.js';
import { firstLogit, firstPid, usePools } from '../support/pool-fixture.js';
import { tinyModel, writeModelFolder } from '../support/tiny-model.js';

const TICK_MS = 50;
/** An entry of children that read their images to the end, synchronously, as a decoder would. */
const BLOCKING_CHILD = `
import { readFileSync } from 'node:fs';
import { serveClassifier } from '${join(packageRoot, 'dist/adapters/inference/child-server.js')}';
serveClassifier(async () => ({
  engine: {}, maxBatch: 1, batchDelayMs: 0,
  prepare: ({ source }) => readFileSync(source.path),
}));
`;
/** An entry of children of which the first one starts; the others hang, and fail when told. */
const FIRST_ALONE = `
import { existsSync, mkdirSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { serveClassifier } from '${join(packageRoot, 'dist/adapters/inference/child-server.js')}';
serveClassifier(async ({ claim }) => {
  try {
    mkdirSync(claim);
  } catch {
    while (!existsSync(claim + '/fail')) await setTimeout(20);
    throw new Error('not the first');
  }
  return {
    engine: {}, maxBatch: 1, batchDelayMs: 0,
    prepare: () => ({ kind: 'answered', classification: { kind: 'not-analysed', gates: [] } }),
  };
});
`;
const { fixture, logger, openPool, warnings } = usePools();
let folder: string;
let images: readonly string[];

beforeAll(() => {
  ({ folder, images } = fixture());
});

/** A picture whose decoding takes long enough for its process to be stopped in the middle of it. */
async function writeSlowPicture(name: string): Promise<string> {
  const path = join(folder, name);
  const grey = { width: 5_000, height: 5_000, channels: 3, background: 'grey' } as const;
  await sharp({ create: grey }).png().toFile(path);
  return path;
}

async function until(condition: () => boolean, what: string): Promise<void> {
  const deadlineMs = performance.now() + 20_000;
  while (!condition()) {
    if (performance.now() > deadlineMs) {
      throw new Error(`not within 20 s: ${what}`);
    }
    await delay(TICK_MS);
  }
}

function isAlive(pid: number): boolean {
  return existsSync(`/proc/${pid}`);
}

/** Processes of this one that run the entry. */
function childrenOf(parent: number, entryPath: string): string[] {
  const listed = execFileSync('ps', ['--ppid', String(parent), '-o', 'args=']).toString();
  return listed.split('\n').filter((line) => line.includes(entryPath));
}

describe('a pool', () => {
  test('gives every image its own answer, in whatever order they are finished', async () => {
    const pool = await openPool();
    expect(pool.concurrency).toBe(4);
    expect(pool.engine).toMatchObject({ executionProvider: 'cpu', precision: 'fp32' });
    const answers = await Promise.all(images.map((path) => pool.classify({ path })));
    const logits = answers.map(firstLogit);
    expect(logits.every(Number.isFinite)).toBe(true);
    // Brighter images score higher, and each image is brighter than the one before.
    expect([...logits].sort((a, b) => a - b)).toEqual(logits);
    expect(new Set(logits).size).toBe(images.length);
    const again = await Promise.all([...images].reverse().map((path) => pool.classify({ path })));
    expect(again.reverse().map(firstLogit)).toEqual(logits);
  });

  test('says why it does not analyse a file', async () => {
    const pool = await openPool({ PREREAD_INFERENCE_PROCESSES: 1 });
    const path = join(folder, 'text.dcm');
    await writeFile(
      path,
      'This is a text that is longer than the preamble of a DICOM file. '.repeat(9),
    );
    expect(await pool.classify({ path })).toMatchObject({
      kind: 'not-analysed',
      reason: 'not-dicom',
    });
    expect(await pool.classify({ path: join(folder, 'absent.dcm') })).toMatchObject({
      kind: 'not-analysed',
      reason: 'file-unreadable',
    });
  });

  test('gives class-activation maps when asked', async () => {
    const pool = await openPool({ PREREAD_INFERENCE_PROCESSES: 1 });
    const [path = ''] = images;
    expect(await pool.classify({ path }, { cams: true })).toMatchObject({
      kind: 'scored',
      cams: { width: 4, height: 4 },
    });
    expect(await pool.classify({ path })).not.toHaveProperty('cams.data');
  });
});

describe('a child that is killed', () => {
  test('loses the image it works on and no other, and is replaced', async () => {
    const pool = await openPool();
    const victim = firstPid(pool);
    process.kill(victim, 'SIGSTOP');
    const answers = images.map((path) => pool.classify({ path }));
    const settled = Promise.allSettled(answers);
    await delay(300);
    process.kill(victim, 'SIGKILL');
    const results = await settled;
    const lost = results.flatMap((result, index) => (result.status === 'rejected' ? [index] : []));
    // The stopped child held the first image (in work) and a second one (waiting behind it).
    expect(lost).toEqual([0]);
    await expect(answers[0]).rejects.toMatchObject({
      code: 'inference-crashed',
      failure: 'transient',
    });
    await until(() => pool.processIds.length === 2, 'two children are warm again');
    expect(pool.processIds).not.toContain(victim);
    expect(firstLogit(await pool.classify({ path: images[0] ?? '' }))).toSatisfy(Number.isFinite);
    expect(warnings).toEqual([
      { code: 'inference-crashed', exitCode: 'none', signal: 'SIGKILL', whileStarting: false },
    ]);
  });

  test('over and over costs at most one image each time', async () => {
    const pool = await openPool();
    const work = Array.from({ length: 200 }, (_, index) => images[index % images.length] ?? '');
    const settled = Promise.allSettled(work.map((path) => pool.classify({ path })));
    let kills = 0;
    for (let round = 0; round < 4; round += 1) {
      await delay(60);
      const [pid] = pool.processIds;
      if (pid !== undefined) {
        process.kill(pid, 'SIGKILL');
        kills += 1;
      }
    }
    const results = await settled;
    const lost = results.filter(({ status }) => status === 'rejected').length;
    expect(kills).toBeGreaterThan(0);
    expect(lost).toBeLessThanOrEqual(kills);
    expect(results).toHaveLength(200);
  });
});

describe('an image that takes too long', () => {
  test('is reported, its process replaced, and the one behind it done by another child', async () => {
    const pool = await openPool({ PREREAD_IMAGE_TIME_LIMIT_MS: 1_000 });
    const before = pool.processIds;
    // A stopped process is what a hung one looks like from outside: it answers nothing.
    process.kill(firstPid(pool), 'SIGSTOP');
    const startedMs = performance.now();
    const results = await Promise.allSettled(images.map((path) => pool.classify({ path })));
    const tookMs = performance.now() - startedMs;
    expect(results[0]).toMatchObject({ status: 'rejected', reason: { code: 'inference-timeout' } });
    expect(results.slice(1).every(({ status }) => status === 'fulfilled')).toBe(true);
    expect(tookMs).toBeGreaterThanOrEqual(1_000);
    await until(() => pool.processIds.length === 2, 'two children are warm again');
    expect(pool.processIds).not.toEqual(before);
  });

  test('is one that takes too long itself, not one that waits behind another', async () => {
    const pool = await openPool({
      PREREAD_INFERENCE_PROCESSES: 1,
      PREREAD_IMAGE_TIME_LIMIT_MS: 10_000,
    });
    const slow = await writeSlowPicture('slow.png');
    const pid = firstPid(pool);
    const answers = [slow, slow].map((path) => pool.classify({ path }));
    for (const answer of answers) {
      process.kill(pid, 'SIGSTOP');
      await delay(6_000);
      process.kill(pid, 'SIGCONT');
      await answer;
    }
    // Twelve seconds after both were handed over: each had its own ten.
    expect(warnings).toEqual([]);
  });
});

describe('a child that grows too large', () => {
  test('is killed and replaced, and its image reported', async () => {
    const pool = await openPool({
      PREREAD_INFERENCE_PROCESSES: 1,
      PREREAD_INFERENCE_MEMORY_MB: 400,
    });
    const before = residentBytes(firstPid(pool)) ?? 0;
    expect(before).toBeLessThan(300 * 2 ** 20);
    // A hundred kilobytes that become 270 MB of colour and 90 MB of luminance.
    const bomb = join(folder, 'bomb.png');
    const black = { width: 9_500, height: 9_500, channels: 3, background: 'black' } as const;
    await sharp({ create: black, limitInputPixels: false }).png().toFile(bomb);
    await expect(pool.classify({ path: bomb })).rejects.toMatchObject({
      code: 'inference-crashed',
      message: 'The inference process took more than 400 MB of memory.',
    });
    expect(firstLogit(await pool.classify({ path: images[3] ?? '' }))).toSatisfy(Number.isFinite);
  });
});

describe('starting', () => {
  test('fails with the reason when a child cannot load the model', async () => {
    const broken = tinyModel({ name: 'broken' });
    const path = await writeModelFolder(folder, broken);
    await writeFile(join(path, broken.manifest.file.path), Buffer.alloc(broken.onnx.length));
    await expect(openClassifier({ logger }, classifierConfig(path))).rejects.toMatchObject({
      code: 'model-hash-mismatch',
    });
  });

  test('fails when the model does not pass its self-test', async () => {
    const path = await writeModelFolder(folder, tinyModel({ name: 'drifted' }));
    const input = { pattern: 'waves', cyclesX: 1, cyclesY: 1 };
    const cases = [{ name: 'drift', input, logits: [5, 5, 5] }];
    await writeFile(
      join(path, 'self-test.json'),
      JSON.stringify({ schemaVersion: 1, tolerance: 0.01, cases }),
    );
    await expect(openClassifier({ logger }, classifierConfig(path))).rejects.toMatchObject({
      code: 'model-self-test-failed',
    });
  });

  test('fails when the process does not run at all, with what it said', async () => {
    const starting = createClassifierPool(
      { logger },
      {
        entryPath: join(folder, 'absent.js'),
        settings: {},
        processes: 2,
        imageTimeLimitMs: 1_000,
        startTimeLimitMs: 10_000,
        memoryLimitMb: 512,
      },
    );
    await expect(starting).rejects.toMatchObject({
      code: 'inference-crashed',
      message: expect.stringContaining('Cannot find module') as string,
    });
  });

  test('with the first warm child works while the others hang or fail', async () => {
    const entryPath = join(folder, 'first-alone.mjs');
    const claim = join(folder, 'claim');
    await writeFile(entryPath, FIRST_ALONE);
    const pool = await createClassifierPool(
      { logger },
      {
        entryPath,
        settings: { claim },
        processes: 3,
        startWith: 'first',
        imageTimeLimitMs: 10_000,
        startTimeLimitMs: 60_000,
        memoryLimitMb: 512,
      },
    );
    expect(pool).toMatchObject({ processes: 3, concurrency: 6, maxBatch: 1 });
    const classifyAll = () => Promise.all(images.map((path) => pool.classify({ path })));
    expect(await classifyAll()).toHaveLength(images.length);
    expect(pool.processIds).toHaveLength(1);
    await writeFile(join(claim, 'fail'), '');
    await until(() => warnings.length > 0, 'a start that failed is told');
    expect(warnings[0]).toMatchObject({ whileStarting: true });
    expect(await classifyAll()).toHaveLength(images.length);
    await pool.close();
    expect(childrenOf(process.pid, entryPath)).toEqual([]);
  });

  test('again with a model that is gone tells whoever waits', async () => {
    const gone = await writeModelFolder(folder, tinyModel({ name: 'gone' }));
    const pool = await openPool({ PREREAD_MODEL: gone, PREREAD_INFERENCE_PROCESSES: 1 });
    await rm(gone, { recursive: true });
    process.kill(firstPid(pool), 'SIGKILL');
    await until(() => pool.processIds.length === 0, 'the child is gone');
    await expect(pool.classify({ path: images[0] ?? '' })).rejects.toMatchObject({
      code: 'inference-crashed',
      cause: { code: 'model-not-found' },
    });
  });
});

describe('closing', () => {
  test('lets the images in work finish, refuses the others, and ends the processes', async () => {
    const pool = await openPool();
    const pids = pool.processIds;
    const answers = Promise.allSettled(images.map((path) => pool.classify({ path })));
    const [first, second] = [pool.close(), pool.close()];
    expect(first).toBe(second);
    await first;
    const results = await answers;
    const done = results.filter(({ status }) => status === 'fulfilled');
    expect(done).toHaveLength(4);
    expect(results.at(-1)).toMatchObject({ reason: { code: 'shutting-down' } });
    expect(pids.filter(isAlive)).toEqual([]);
    await expect(pool.classify({ path: images[0] ?? '' })).rejects.toMatchObject({
      code: 'shutting-down',
    });
  });

  test('an abort ends the waiting of its caller alone', async () => {
    const pool = await openPool({ PREREAD_INFERENCE_PROCESSES: 1 });
    const controller = new AbortController();
    process.kill(firstPid(pool), 'SIGSTOP');
    const waiting = pool.classify({ path: images[1] ?? '' }, { signal: controller.signal });
    const other = pool.classify({ path: images[0] ?? '' });
    controller.abort(new Error('not wanted any more'));
    await expect(waiting).rejects.toThrow('not wanted any more');
    process.kill(firstPid(pool), 'SIGCONT');
    expect(firstLogit(await other)).toSatisfy(Number.isFinite);
  });
});

describe('children', () => {
  test('end with their parent, also the one whose event loop stands in a read that does not return', async () => {
    const entry = join(folder, 'blocking-child.mjs');
    await writeFile(entry, BLOCKING_CHILD);
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const script = join(import.meta.dirname, '../support/pool-parent.ts');
    const parent = spawn(process.execPath, ['--import', 'tsx', script, entry, pipe], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(parent.stdout, 'data')) as [Buffer];
    const pids = JSON.parse(line.toString()) as number[];
    expect(pids).toHaveLength(2);
    // Opens as soon as a child reads; from then on the child waits for bytes that never come.
    const writing = await eventually(() =>
      openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK),
    );
    try {
      expect(pids.every(isAlive)).toBe(true);
      parent.kill('SIGKILL');
      await until(() => !pids.some(isAlive), 'the children are gone');
    } finally {
      closeSync(writing);
    }
  });

  test('leave the signals of the terminal to their parent', async () => {
    const pool = await openPool({ PREREAD_INFERENCE_PROCESSES: 1 });
    const pid = firstPid(pool);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.kill(pid, signal);
    }
    expect(firstLogit(await pool.classify({ path: images[0] ?? '' }))).toSatisfy(Number.isFinite);
    expect(firstPid(pool)).toBe(pid);
  });
});
