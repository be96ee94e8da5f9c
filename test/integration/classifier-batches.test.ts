import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import sharp from 'sharp';
import { beforeAll, describe, expect, test } from 'vitest';

import type { ImageClassification } from '../../core/inference/image-classifier.js';
import { writeGreyImages } from '../support/grey-images.js';
import { firstLogit, firstPid, usePools } from '../support/pool-fixture.js';
import { tinyModel, writeModelFolder } from '../support/tiny-model.js';

const { fixture, openPool } = usePools();
let folder: string;
let images: readonly string[];

beforeAll(() => {
  ({ folder, images } = fixture());
});

function told(answer: ImageClassification): unknown {
  return answer.kind === 'scored' ? [answer.gates, answer.logits] : answer.reason;
}

describe('a pool that computes batches', () => {
  test('gives every image the answer that it has alone', async () => {
    const alone = await openPool({ PREREAD_INFERENCE_PROCESSES: 1 });
    // Between the others some that are refused before the network, and some that are turned to the right polarity.
    const blank = await writeGreyImages(folder, 3, { prefix: 'blank', contrast: 0 });
    const inverted = await writeGreyImages(folder, 5, { prefix: 'inverted', contrast: -400 });
    const mixed = images.flatMap((path, index) => [
      path,
      ...(index % 4 === 1 ? [inverted[index % 5]!] : index % 4 === 2 ? [blank[index % 3]!] : []),
    ]);
    const single: unknown[] = [];
    for (const path of mixed) {
      single.push(told(await alone.classify({ path })));
    }
    expect(single.filter((answer) => answer === 'image-blank')).toHaveLength(6);
    const pool = await openPool({ PREREAD_MAX_BATCH: 5 });
    expect(pool.maxBatch).toBe(5);
    expect(pool.concurrency).toBe(20);
    const answers = await Promise.all(
      mixed.map((path, index) => pool.classify({ path }, { urgent: index % 7 === 3 })),
    );
    expect(answers.map(told)).toEqual(single);
  });

  test('of a model whose batch is fixed takes one image at a time', async () => {
    const fixed = await writeModelFolder(folder, tinyModel({ name: 'fixed', batch: 1 }));
    const pool = await openPool({ PREREAD_MODEL: fixed, PREREAD_MAX_BATCH: 5 });
    expect(pool.maxBatch).toBe(1);
    expect(pool.concurrency).toBe(4);
  });

  test('does images of an archive when no other image waits', async () => {
    const pool = await openPool({ PREREAD_INFERENCE_PROCESSES: 1 });
    const order: string[] = [];
    const classified = images.map(async (path, index) => {
      const background = index < images.length / 2;
      await pool.classify({ path }, { background });
      order.push(background ? 'archive' : 'study');
    });
    await Promise.all(classified);
    // What a child had at hand when the first image of a study came is not taken away from it.
    const atHand = pool.concurrency;
    const lastStudy = order.lastIndexOf('study');
    expect(
      order.slice(0, lastStudy).filter((kind) => kind === 'archive').length,
    ).toBeLessThanOrEqual(atHand);
  });

  test('does an urgent image before the batches that wait', async () => {
    const pool = await openPool({
      PREREAD_INFERENCE_PROCESSES: 1,
      PREREAD_MAX_BATCH: 4,
      PREREAD_BATCH_DELAY_MS: 1_000,
    });
    process.kill(firstPid(pool), 'SIGSTOP');
    const order: string[] = [];
    const answers = images.map(async (path) => {
      await pool.classify({ path });
      order.push('routine');
    });
    const urgent = pool.classify({ path: images[0] ?? '' }, { urgent: true }).then(() => {
      order.push('urgent');
    });
    process.kill(firstPid(pool), 'SIGCONT');
    await Promise.all([...answers, urgent]);
    // It waits in the pool until the first batch makes room, and never behind a second one.
    expect(order.indexOf('urgent')).toBeLessThanOrEqual(8);
  });

  test('does the images of a child that dies again, each alone, and reports the one that does it', async () => {
    const pool = await openPool({ PREREAD_MAX_BATCH: 4, PREREAD_INFERENCE_MEMORY_MB: 400 });
    const bomb = join(folder, 'bomb-of-a-batch.png');
    const black = { width: 9_500, height: 9_500, channels: 3, background: 'black' } as const;
    await sharp({ create: black, limitInputPixels: false }).png().toFile(bomb);
    const paths = [...images.slice(0, 5), bomb, ...images.slice(5, 12)];
    const results = await Promise.allSettled(paths.map((path) => pool.classify({ path })));
    const lost = results.flatMap((result, index) => (result.status === 'rejected' ? [index] : []));
    expect(lost).toEqual([5]);
    expect(results[5]).toMatchObject({ reason: { code: 'inference-crashed' } });
  });

  test('loses nothing when a child is killed that holds several', async () => {
    const pool = await openPool({ PREREAD_MAX_BATCH: 4 });
    const victim = firstPid(pool);
    process.kill(victim, 'SIGSTOP');
    const answers = images.map((path) => pool.classify({ path }));
    await delay(300);
    process.kill(victim, 'SIGKILL');
    const logits = (await Promise.all(answers)).map(firstLogit);
    expect(logits.every(Number.isFinite)).toBe(true);
    expect(new Set(logits).size).toBe(images.length);
  });
});
