import { describe, expect, test } from 'vitest';

import type { ImageClassification } from '../../core/inference/image-classifier.js';
import { createBatchLoop, type PreparedTask } from './batch-loop.js';
import type { ImageTask } from './child-messages.js';

function task(id: number, options: Partial<ImageTask> = {}): ImageTask {
  return {
    id,
    source: { path: `${id}` },
    cams: false,
    urgent: false,
    ...options,
  };
}

/** The image of a task says whose answer is whose. */
function answerOf(image: string): ImageClassification {
  return { kind: 'not-analysed', reason: 'not-chest', detail: image, gates: [] };
}

interface LoopOptions {
  readonly maxBatch: number;
  readonly batchDelayMs?: number;
  readonly prepare?: (task: ImageTask) => PreparedTask<string>;
  readonly infer?: (images: readonly string[]) => void;
  readonly onPrepared?: (task: ImageTask) => void;
}

function loop(options: LoopOptions) {
  const { maxBatch, batchDelayMs = 0, prepare, infer, onPrepared } = options;
  const batches: string[][] = [];
  const answers = new Map<number, string>();
  let onAnswers: () => void = () => undefined;
  const add = createBatchLoop<string>({
    maxBatch,
    batchDelayMs,
    prepare: (each) => {
      const result = prepare?.(each) ?? { kind: 'ready', image: each.source.path };
      onPrepared?.(each);
      return Promise.resolve(result);
    },
    infer: (images) => {
      batches.push([...images]);
      infer?.(images);
      return Promise.resolve(images.map(answerOf));
    },
    progressed: () => undefined,
    answer: (id, classification) => {
      answers.set(id, classification.kind === 'not-analysed' ? classification.detail : '');
      onAnswers();
    },
    fail: (id, error) => {
      answers.set(id, error instanceof Error ? `failed: ${error.message}` : 'failed');
      onAnswers();
    },
  });
  return {
    add,
    batches,
    answers,
    answered: (count: number) =>
      new Promise<void>((resolve) => {
        onAnswers = () => {
          if (answers.size === count) {
            resolve();
          }
        };
      }),
  };
}

describe('a batch loop', () => {
  test('computes as many images at once as it may, and gives each its own answer', async () => {
    const { add, batches, answers, answered } = loop({ maxBatch: 4 });
    const done = answered(6);
    for (let id = 1; id <= 6; id += 1) {
      add(task(id));
    }
    await done;
    expect(batches).toEqual([
      ['1', '2', '3', '4'],
      ['5', '6'],
    ]);
    expect([...answers]).toEqual([1, 2, 3, 4, 5, 6].map((id) => [id, `${id}`]));
  });

  test('of one image at a time keeps the order and waits for no other', async () => {
    const { add, batches, answered } = loop({ maxBatch: 1, batchDelayMs: 3_600_000 });
    const done = answered(2);
    add(task(1));
    add(task(2));
    await done;
    expect(batches).toEqual([['1'], ['2']]);
  });

  test('waits for others to fill a batch, and takes them as soon as it is full', async () => {
    const { add, batches, answered } = loop({ maxBatch: 2, batchDelayMs: 3_600_000 });
    const done = answered(2);
    add(task(1));
    setTimeout(() => {
      add(task(2));
    }, 20);
    await done;
    expect(batches).toEqual([['1', '2']]);
  });

  test('computes what it has when no other comes in time', async () => {
    const { add, batches, answered } = loop({ maxBatch: 8, batchDelayMs: 1 });
    const done = answered(1);
    add(task(1));
    await done;
    expect(batches).toEqual([['1']]);
  });

  test('computes an urgent image alone and first, also when it comes while a batch is filled', async () => {
    const { add, batches, answered } = loop({
      maxBatch: 4,
      onPrepared: ({ id }) => {
        if (id === 2) {
          add(task(9, { urgent: true }));
        }
      },
    });
    const done = answered(6);
    for (let id = 1; id <= 5; id += 1) {
      add(task(id));
    }
    await done;
    expect(batches).toEqual([['9'], ['1', '2', '3', '4'], ['5']]);
  });

  test('lets an urgent image wait for no batch to fill', async () => {
    const { add, batches, answered } = loop({ maxBatch: 4, batchDelayMs: 3_600_000 });
    const done = answered(1);
    add(task(1));
    add(task(2, { urgent: true }));
    await done;
    expect(batches).toEqual([['2']]);
  });

  test('answers an image without the network when the network is not to see it', async () => {
    const { add, batches, answers, answered } = loop({
      maxBatch: 2,
      prepare: ({ id, source }) =>
        id === 1
          ? { kind: 'answered', classification: answerOf('refused') }
          : { kind: 'ready', image: source.path },
    });
    const done = answered(3);
    add(task(1));
    add(task(2));
    add(task(3));
    await done;
    expect(batches).toEqual([['2', '3']]);
    expect(answers.get(1)).toBe('refused');
  });

  test('fails the image that fails and no other of its batch', async () => {
    const { add, answers, answered } = loop({
      maxBatch: 3,
      infer: (images) => {
        if (images.includes('2')) {
          throw new Error('not a number');
        }
      },
    });
    const done = answered(3);
    add(task(1));
    add(task(2));
    add(task(3));
    await done;
    expect(Object.fromEntries(answers)).toEqual({ 1: '1', 2: 'failed: not a number', 3: '3' });
  });
});
