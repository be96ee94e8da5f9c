import { setTimeout as delay } from 'node:timers/promises';

import { expect, test } from 'vitest';

import { PipelineError } from '../../core/errors.js';
import type {
  ImageClassification,
  ImageClassifier,
} from '../../core/inference/image-classifier.js';
import type { InputFile } from './input-files.js';
import { scoreInOrder, type ScoredFile } from './score-in-order.js';

const scored: ImageClassification = {
  kind: 'scored',
  logits: [0],
  gates: [],
  timings: { readMs: 0, decodeMs: 0, preprocessMs: 0, inferMs: 0 },
};

/** The port, answering as the test says. Counts how many images it is given at once. */
function classifier(answer: (path: string) => Promise<ImageClassification>, concurrency = 2) {
  const seen = { now: 0, most: 0, paths: [] as string[] };
  const port: ImageClassifier = {
    concurrency,
    engine: { executionProvider: 'cpu', precision: 'fp32', sha256: 'a'.repeat(64) },
    async classify({ path }) {
      seen.paths.push(path);
      seen.now += 1;
      seen.most = Math.max(seen.most, seen.now);
      try {
        return await answer(path);
      } finally {
        seen.now -= 1;
      }
    },
    close: () => Promise.resolve(),
  };
  return { port, seen };
}

async function* files(
  count: number,
  taken: { count: number } = { count: 0 },
): AsyncGenerator<InputFile> {
  for (let index = 0; index < count; index += 1) {
    taken.count += 1;
    yield await Promise.resolve({ path: String(index) });
  }
}

async function collect(rows: AsyncIterable<ScoredFile>): Promise<ScoredFile[]> {
  const all: ScoredFile[] = [];
  for await (const row of rows) {
    all.push(row);
  }
  return all;
}

const never = new AbortController().signal;

test('rows come in the order of the files, whichever is finished first', async () => {
  const { port, seen } = classifier(async (path) => {
    await delay(Number(path) % 3);
    return scored;
  }, 4);
  const rows = await collect(scoreInOrder(files(50), port, never));
  expect(rows.map(({ path }) => Number(path))).toEqual([...Array(50).keys()]);
  expect(seen.most).toBe(4);
});

test('a slow image does not hold up those behind it, up to a bound', async () => {
  let release: () => void = () => undefined;
  const blocked = new Promise<void>((resolve) => {
    release = resolve;
  });
  const { port, seen } = classifier(async (path) => {
    if (path === '0') {
      await blocked;
    }
    return scored;
  });
  const taken = { count: 0 };
  const rows = collect(scoreInOrder(files(1_000, taken), port, never));
  await delay(20);
  // 2 at once, 16 rows ahead for each.
  expect(seen.paths).toHaveLength(32);
  expect(taken.count).toBe(32);
  release();
  expect(await rows).toHaveLength(1_000);
});

test('an image whose process dies is tried again, and gets a row when it dies again', async () => {
  const crash = new PipelineError('inference-crashed');
  let deaths = 0;
  const { port } = classifier((path) => {
    if (path === '1' || (path === '2' && deaths++ === 0)) {
      return Promise.reject(crash);
    }
    return Promise.resolve(scored);
  });
  const rows = await collect(scoreInOrder(files(4), port, never));
  expect(rows.map(({ classification }) => classification.kind)).toEqual([
    'scored',
    'not-analysed',
    'scored',
    'scored',
  ]);
  expect(rows[1]?.classification).toMatchObject({
    reason: 'processing-failed',
    detail: 'Processing failed (inference-crashed).',
  });
});

test('a file that cannot be read has its row without being tried', async () => {
  const { port, seen } = classifier(() => Promise.resolve(scored));
  async function* broken(): AsyncGenerator<InputFile> {
    yield await Promise.resolve({ path: 'x', unreadable: 'This is not a regular file.' });
  }
  expect(await collect(scoreInOrder(broken(), port, never))).toMatchObject([
    { classification: { reason: 'file-unreadable', detail: 'This is not a regular file.' } },
  ]);
  expect(seen.paths).toEqual([]);
});

test('when no process can be started any more the run ends instead of failing every file', async () => {
  const cause = new PipelineError('model-hash-mismatch');
  const { port } = classifier(() =>
    Promise.reject(new PipelineError('inference-crashed', cause.message, { cause })),
  );
  await expect(collect(scoreInOrder(files(10), port, never))).rejects.toThrow(cause.message);
});

test('after an interruption the images in work are given back and no other is begun', async () => {
  const controller = new AbortController();
  const { port, seen } = classifier(async (path) => {
    await delay(5);
    if (path === '5') {
      controller.abort();
    }
    return scored;
  });
  const rows = await collect(scoreInOrder(files(100), port, controller.signal));
  expect(rows.map(({ path }) => path)).toEqual(seen.paths);
  expect(rows.length).toBeGreaterThanOrEqual(6);
  expect(rows.length).toBeLessThanOrEqual(8);
});
