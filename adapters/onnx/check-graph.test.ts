import { expect, test } from 'vitest';

import { tinyModel } from '../../test/support/tiny-model.js';
import { checkGraph } from './check-graph.js';

type Shape = readonly (number | string)[];
const { manifest } = tinyModel();

function tensor(name: string, shape: Shape, type: 'float32' | 'int64' = 'float32') {
  return { name, shape, type, isTensor: true } as const;
}

const good = {
  inputMetadata: [tensor('image', ['N', 1, 64, 64])],
  outputMetadata: [tensor('logits', ['N', 3]), tensor('cams', ['N', 3, 4, 4])],
};

test('a graph that fits its manifest passes, with a symbolic or a fixed batch', () => {
  expect(() => {
    checkGraph(good, manifest);
    checkGraph({ ...good, inputMetadata: [tensor('image', [1, 1, 64, 64])] }, manifest);
    checkGraph({ ...good, inputMetadata: [tensor('image', ['N', 'C', 'H', 'W'])] }, manifest);
  }).not.toThrow();
});

test.each([
  ['another input name', { inputMetadata: [tensor('x', ['N', 1, 64, 64])] }, /further input x/],
  [
    'another input size',
    { inputMetadata: [tensor('image', ['N', 1, 32, 32])] },
    /\[N, 1, 32, 32\]/,
  ],
  [
    'a fixed batch of two',
    { inputMetadata: [tensor('image', [2, 1, 64, 64])] },
    /\[2, 1, 64, 64\]/,
  ],
  ['a missing axis', { inputMetadata: [tensor('image', [1, 64, 64])] }, /says \[1, 1, 64, 64\]/],
  ['an integer input', { inputMetadata: [tensor('image', [1, 1, 64, 64], 'int64')] }, /float32/],
  ['more findings', { outputMetadata: [tensor('logits', ['N', 4])] }, /says \[1, 3\]/],
  ['no maps', { outputMetadata: [tensor('logits', ['N', 3])] }, /no output cams, only logits/],
])('a graph with %s is refused', (_, change, message) => {
  expect(() => {
    checkGraph({ ...good, ...change }, manifest);
  }).toThrow(message);
});
