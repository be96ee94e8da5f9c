import { describe, expect, test } from 'vitest';

import { applyTuning, cardFeeders, coreSplits, fastest, type Tuning } from './tuning.js';

const SHA256 = 'a'.repeat(64);
const MODEL = { file: { path: 'model.onnx', sha256: SHA256, sizeBytes: 1 } };
const OTHER = { file: { ...MODEL.file, sha256: 'b'.repeat(64) } };
const MACHINE = { processor: 'Some CPU', cores: 4 };
const TUNING: Tuning = {
  schemaVersion: 1,
  machine: MACHINE,
  models: {
    [SHA256]: {
      model: 'm@1.0.0',
      executionProvider: 'cpu',
      arrangement: { processes: 2, threads: 2, precision: 'fp32', maxBatch: 4 },
      imagesPerSecond: 100,
      measuredAt: '2026-01-01T00:00:00.000Z',
    },
  },
};
const UNSAID = {
  provider: 'auto',
  precision: 'auto',
  processes: undefined,
  threads: undefined,
  maxBatch: undefined,
};

function tuned(changes: Partial<Parameters<typeof applyTuning>[0]>) {
  return applyTuning({ ...UNSAID, ...changes }, TUNING, MACHINE, MODEL);
}

describe('a tuning', () => {
  test('says what nobody has said', () => {
    const settings = { processes: 2, threads: 2, precision: 'fp32', maxBatch: 4, provider: 'auto' };
    expect(tuned({})).toEqual({ kind: 'tuned', settings });
  });

  test('gives way to explicit settings, processes and threads together', () => {
    expect(tuned({ processes: 3 })).toMatchObject({
      settings: { processes: 3, threads: undefined, maxBatch: 4 },
    });
    expect(tuned({ threads: 1, maxBatch: 1, precision: 'int8' })).toMatchObject({
      settings: { processes: undefined, threads: 1, maxBatch: 1, precision: 'int8' },
    });
  });

  test('of another machine, model or provider is not used, and says so', () => {
    const other = { processor: 'Some CPU', cores: 8 };
    expect(applyTuning(UNSAID, TUNING, other, MODEL)).toEqual({
      kind: 'stale',
      reason: 'it was made on Some CPU with 4 cores, and this is Some CPU with 8 cores',
    });
    expect(applyTuning(UNSAID, TUNING, MACHINE, OTHER)).toMatchObject({ kind: 'stale' });
    const quantised = { ...MODEL, variants: [{ precision: 'int8', file: OTHER.file }] } as const;
    expect(
      applyTuning(UNSAID, TUNING, MACHINE, { ...MODEL, variants: [...quantised.variants] }),
    ).toMatchObject({ kind: 'stale' });
    expect(tuned({ provider: 'cuda' })).toEqual({ kind: 'stale', reason: 'it was made on cpu' });
  });
});

describe('candidates', () => {
  test('split the cores without taking more than there are', () => {
    expect(coreSplits(1)).toEqual([{ processes: 1, threads: 1 }]);
    expect(coreSplits(2)).toEqual([
      { processes: 2, threads: 1 },
      { processes: 1, threads: 2 },
    ]);
    for (const cores of [3, 4, 7, 16]) {
      expect(coreSplits(cores).every((each) => each.processes * each.threads <= cores)).toBe(true);
    }
    expect(cardFeeders(2).map(({ processes }) => processes)).toEqual([1, 2]);
    expect(cardFeeders(8).map(({ processes }) => processes)).toEqual([1, 2, 4, 8]);
  });

  test('replace the first one only when they gain more than noise', () => {
    const arrangement = { processes: 1, threads: 1, precision: 'fp32', maxBatch: 1 } as const;
    const first = { arrangement, imagesPerSecond: 100 };
    const alike = { arrangement: { ...arrangement, maxBatch: 4 }, imagesPerSecond: 102 };
    const faster = { arrangement: { ...arrangement, threads: 2 }, imagesPerSecond: 110 };
    expect(fastest([first, alike])).toBe(first);
    expect(fastest([first, alike, faster])).toBe(faster);
    expect(() => fastest([])).toThrow(RangeError);
  });
});
