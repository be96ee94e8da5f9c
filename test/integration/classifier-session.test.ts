import { afterEach, describe, expect, test } from 'vitest';

import {
  createClassifierSession,
  type ClassifierSession,
} from '../../adapters/onnx/classifier-session.js';
import type { ProviderChoice } from '../../adapters/onnx/execution-providers.js';
import { warmUp } from '../../adapters/onnx/self-test.js';
import type { ModelSelfTest } from '../../core/inference/model-self-test.js';
import { tinyModel, type TinyModelOptions } from '../support/tiny-model.js';

const open: ClassifierSession[] = [];

async function createSession(options: TinyModelOptions = {}, provider: ProviderChoice = 'cpu') {
  const { manifest, onnx } = tinyModel(options);
  const session = await createClassifierSession({ bytes: onnx, manifest, provider });
  open.push(session);
  return { session, manifest };
}

afterEach(async () => {
  for (const session of open.splice(0)) {
    await session.release();
  }
});

/** float32 sums of 4096 products; measured difference 2e-7. */
const TOLERANCE = 5;

describe('a session', () => {
  test('gives the logits of the graph', async () => {
    const { session } = await createSession();
    const { logits, cams } = await session.run(new Float32Array(64 * 64).fill(500));
    expect(logits).toHaveLength(3);
    // (f + 1) / 1000 * 500 + f / 10
    [0.5, 1.1, 1.7].forEach((expected, finding) => {
      expect(logits[finding]).toBeCloseTo(expected, TOLERANCE);
    });
    expect(cams).toBeUndefined();
  });

  test('gives class-activation maps when asked', async () => {
    const { session } = await createSession();
    const tensor = new Float32Array(64 * 64);
    tensor.fill(1000, 0, 16 * 64);
    const { cams } = await session.run(tensor, { cams: true });
    expect(cams).toMatchObject({ height: 4, width: 4 });
    expect(cams?.data).toHaveLength(3 * 4 * 4);
    expect(cams?.data[0]).toBeCloseTo(1, TOLERANCE);
    expect(cams?.data[4]).toBeCloseTo(0, TOLERANCE);
  });

  test('gives equal bits for equal input', async () => {
    const { session } = await createSession();
    const tensor = Float32Array.from({ length: 64 * 64 }, (_, index) => Math.sin(index) * 1000);
    const first = await session.run(tensor);
    expect(await session.run(tensor)).toEqual(first);
  });

  test('gives each image of a batch what it gives it alone', async () => {
    const { session } = await createSession();
    expect(session.takesBatches).toBe(true);
    const tensors = [100, 500, 900].map((grey) => new Float32Array(64 * 64).fill(grey));
    const together = await session.runBatch(tensors, { cams: true });
    const alone = [];
    for (const tensor of tensors) {
      alone.push(await session.run(tensor, { cams: true }));
    }
    expect(together).toEqual(alone);
    expect(together[2]?.cams?.data.buffer.byteLength).toBe(3 * 4 * 4 * 4);
  });

  test('says that a graph with a fixed batch takes one image at a time', async () => {
    const { session } = await createSession({ batch: 1 });
    expect(session.takesBatches).toBe(false);
  });

  test('with several threads gives the same scores', async () => {
    const { manifest, onnx } = tinyModel();
    const session = await createClassifierSession({
      bytes: onnx,
      manifest,
      provider: 'cpu',
      threads: 2,
    });
    open.push(session);
    const { logits } = await session.run(new Float32Array(64 * 64).fill(500));
    expect(logits[0]).toBeCloseTo(0.5, TOLERANCE);
  });

  test('refuses logits that are not finite', async () => {
    const { session } = await createSession();
    await expect(session.run(new Float32Array(64 * 64).fill(NaN))).rejects.toMatchObject({
      code: 'internal',
    });
  });
});

describe('opening a session', () => {
  test('refuses a graph that differs from its manifest', async () => {
    await expect(createSession({ graphFindings: 2 })).rejects.toMatchObject({
      code: 'model-graph-mismatch',
      message: expect.stringContaining('output logits has the shape [N, 2]') as string,
    });
  });

  test('refuses bytes that are no graph', async () => {
    const { manifest } = tinyModel();
    const bytes = Buffer.from('this is not a model');
    const opening = createClassifierSession({ bytes, manifest, provider: 'cpu' });
    await expect(opening).rejects.toMatchObject({ code: 'model-graph-mismatch' });
  });

  test('auto says what it fell back from, and why', async () => {
    const { session } = await createSession({}, 'auto');
    expect((await session.run(new Float32Array(64 * 64))).logits).toHaveLength(3);
    if (session.executionProvider === 'cuda') {
      expect(session.fallback).toBeUndefined();
    } else {
      expect(session.fallback?.wanted).toBe('cuda');
      expect(session.fallback?.reason).not.toBe('');
    }
  });

  test.each(['cuda', 'tensorrt'] as const)(
    '%s computes where it works, and is refused with the next step where it does not',
    async (choice) => {
      const opening = createSession({}, choice);
      const opened = await opening.catch((error: unknown) => error);
      if (opened instanceof Error) {
        expect(opened).toMatchObject({ code: 'provider-unavailable' });
        expect(opened.message).toMatch(/cannot be used here: .+ The provider auto computes/s);
      } else {
        const { session } = await opening;
        expect(session.executionProvider).toBe(choice);
      }
    },
  );
});

describe('the self-test', () => {
  const selfTest: ModelSelfTest = {
    schemaVersion: 1,
    tolerance: 1e-4,
    // Whole cycles average to the middle of the range, which is 0.
    cases: [
      {
        name: 'waves',
        input: { pattern: 'waves', cyclesX: 2, cyclesY: 1 },
        logits: [0, 0.1, 0.2],
      },
    ],
  };

  test('passes for a model that computes what it should', async () => {
    const { session, manifest } = await createSession();
    await expect(warmUp(session, manifest, selfTest)).resolves.toBeUndefined();
  });

  test('fails for one that computes something else', async () => {
    const { session, manifest } = await createSession();
    const wrong = {
      ...selfTest,
      cases: selfTest.cases.map((c) => ({ ...c, logits: [0, 0.1, 0.3] })),
    };
    await expect(warmUp(session, manifest, wrong)).rejects.toMatchObject({
      code: 'model-self-test-failed',
      message: expect.stringContaining('differs by 0.100') as string,
    });
  });
});
