import { expect, test } from 'vitest';

import { median, quantile } from './statistics.js';

test('a median of an even number of values lies between the middle two', () => {
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(median([3, 1, 2])).toBe(2);
  expect(median([])).toBeNaN();
});

test('a quantile is interpolated between its neighbours', () => {
  expect(quantile([0, 10], 0.95)).toBe(9.5);
  expect(quantile([7], 0.95)).toBe(7);
});
