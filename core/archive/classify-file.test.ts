import { describe, expect, test } from 'vitest';

import { PipelineError } from '../errors.js';
import type { ImageClassification } from '../inference/image-classifier.js';
import { classifyFile } from './classify-file.js';

const REFUSED: ImageClassification = {
  kind: 'not-analysed',
  reason: 'not-chest',
  detail: 'A hand.',
  gates: [],
};

/** An engine that fails as said, then answers. */
function engine(...failures: readonly PipelineError[]) {
  const left = [...failures];
  let calls = 0;
  return {
    calls: () => calls,
    classify: () => {
      calls += 1;
      const failure = left.shift();
      return failure === undefined ? Promise.resolve(REFUSED) : Promise.reject(failure);
    },
  };
}

const crash = (context = {}) => new PipelineError('inference-crashed', undefined, { context });

async function triesOf(...failures: readonly PipelineError[]) {
  const tried = engine(...failures);
  const outcome = await classifyFile(tried, 'a.dcm', {});
  return { tries: tried.calls(), outcome };
}

describe('a file whose process dies', () => {
  test('is tried once more', async () => {
    expect(await triesOf(crash())).toEqual({ tries: 2, outcome: REFUSED });
  });

  test('twice is not analysed', async () => {
    const { tries, outcome } = await triesOf(crash(), crash());
    expect(tries).toBe(2);
    expect(outcome).toMatchObject({
      reason: 'processing-failed',
      detail: 'Processing failed (inference-crashed).',
    });
  });

  test('is not tried again when the engine has done so', async () => {
    const { tries, outcome } = await triesOf(crash({ attempts: 2 }));
    expect(tries).toBe(1);
    expect(outcome).toMatchObject({ reason: 'processing-failed' });
  });
});

test('a file with a lasting failure is tried once', async () => {
  const { tries, outcome } = await triesOf(new PipelineError('pixel-data-corrupt'));
  expect(tries).toBe(1);
  expect(outcome).toMatchObject({ detail: 'Processing failed (pixel-data-corrupt).' });
});

test.each<[string, PipelineError]>([
  ['closes', new PipelineError('shutting-down')],
  [
    'cannot start any process',
    new PipelineError('inference-crashed', undefined, {
      cause: new PipelineError('model-not-found'),
    }),
  ],
])('an engine that %s is no outcome of a file', async (_, failure) => {
  await expect(triesOf(failure)).rejects.toBe(failure);
});
