import { PassThrough } from 'node:stream';

import { expect, test } from 'vitest';

import { createProgress, createRate, duration } from './progress.js';

test('without a terminal a line is printed every five seconds', () => {
  const stream = new PassThrough({ encoding: 'utf8' });
  let nowMs = 0;
  const progress = createProgress(stream, 100, () => nowMs);
  for (let row = 1; row <= 220; row += 1) {
    nowMs += 50;
    if (row === 150) {
      progress.setTotal(1_000);
    }
    progress.update(100 + row);
  }
  progress.stop();
  expect(stream.read()).toBe('200 files  20.0/s\n300 of 1000 files  20.0/s, 35 s left\n');
});

test('the rate is that of the last ten seconds', () => {
  let nowMs = 0;
  const rate = createRate(0, () => nowMs);
  for (let row = 1; row <= 30; row += 1) {
    nowMs += 1_000;
    rate.update(row);
  }
  for (let row = 31; row <= 330; row += 1) {
    nowMs += 100;
    rate.update(row);
  }
  expect(rate.describe(330, 930)).toBe('10.0/s, 1 min 0 s left');
});

test('no rate is claimed before anything is done', () => {
  const rate = createRate(5, () => 0);
  expect(rate.describe(5, 10)).toBe('');
});

test.each([
  [0.2, '1 s'],
  [59.5, '1 min 0 s'],
  [200, '3 min 20 s'],
  [7_500, '2 h 05 min'],
])('%d seconds are %s', (seconds, text) => {
  expect(duration(seconds)).toBe(text);
});

test('a terminal gets a bar with the count and the rate', () => {
  const terminal = Object.assign(new PassThrough({ encoding: 'utf8' }), {
    isTTY: true,
    columns: 80,
    cursorTo: () => true,
    clearLine: () => true,
  });
  let nowMs = 0;
  const progress = createProgress(terminal, 0, () => nowMs);
  progress.setTotal(40);
  nowMs = 1_000;
  progress.update(20);
  progress.stop();
  expect(terminal.read()).toContain('20 of 40 files  20.0/s, 1 s left');
});
