import { expect, test } from 'vitest';

import { modelSelfTestSchema, selfTestInput } from './model-self-test.js';

const input = {
  name: 'image',
  layout: 'NCHW' as const,
  channels: 3 as const,
  height: 4,
  width: 8,
  range: [-1, 1] as [number, number],
  recipe: 'txrv-224@1',
};

test('the waves of a self-test have the values that the formula gives', () => {
  const tensor = selfTestInput(input, { pattern: 'waves', cyclesX: 1, cyclesY: 1 });
  expect(tensor).toHaveLength(3 * 4 * 8);
  // (0, 0): 0.5 + 0 + 0.25; (x 2 of 8, y 0): sin(pi/2); (x 6, y 2): sin(3 pi/2), cos(pi).
  expect(tensor[0]).toBeCloseTo(0.5, 6);
  expect(tensor[2]).toBeCloseTo(1, 6);
  expect(tensor[2 * 8 + 6]).toBeCloseTo(-1, 6);
});

test('every channel of a self-test input is the same', () => {
  const tensor = selfTestInput(input, { pattern: 'waves', cyclesX: 3, cyclesY: 2 });
  expect(tensor.subarray(32, 64)).toEqual(tensor.subarray(0, 32));
  expect(tensor.subarray(64)).toEqual(tensor.subarray(0, 32));
});

test('a self-test without cases is refused', () => {
  const parsed = modelSelfTestSchema.safeParse({ schemaVersion: 1, tolerance: 1e-3, cases: [] });
  expect(parsed.success).toBe(false);
});
