import { expect, test } from 'vitest';

import type { Window } from './measure-input.js';
import { figuresOf } from './render-bench.js';

function window(imagesPerSecond: number, otherCores = 0): Window {
  return { imagesPerSecond, cpuMsPerImage: 0, otherCores };
}

test('score is compared with inference alone and with both costs added up', () => {
  const round = { infer: window(60), preprocess: window(30), score: window(18) };
  const figures = figuresOf({ rounds: [round] });
  expect(figures.ofBare).toBeCloseTo(0.3);
  // 1 / (1/60 + 1/30) = 20
  expect(figures.bound).toBeCloseTo(20);
  expect(figures.ofBound).toBeCloseTo(0.9);
});

test('a ratio is the median of the rounds, not the ratio of medians, and the loudest window is told', () => {
  const rounds = [
    { infer: window(100), preprocess: window(100), score: window(50) },
    { infer: window(10), preprocess: window(100), score: window(9, 0.4) },
    { infer: window(50), preprocess: window(100, 0.2), score: window(40) },
  ];
  const { ofBare, ofBareRange, others } = figuresOf({ rounds });
  expect(ofBare).toBeCloseTo(0.8);
  expect(ofBareRange).toEqual([0.5, 0.9]);
  expect(others).toBe(0.4);
});
