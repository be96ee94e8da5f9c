import { expect, test } from 'vitest';

import { readStageTotals, stageMeans } from './stage-times.js';

const page = (sum: number, count: number): string =>
  [
    '# TYPE preread_stage_seconds histogram',
    'preread_stage_seconds_bucket{le="0.05",stage="ingest"} 1',
    `preread_stage_seconds_sum{stage="ingest"} ${sum}`,
    `preread_stage_seconds_count{stage="ingest"} ${count}`,
    'preread_stage_seconds_sum{stage="queue"} 7',
  ].join('\n');

test('the mean time of a stage is that of what came between two readings', () => {
  const means = stageMeans(readStageTotals(page(1, 10)), readStageTotals(page(1.5, 20)));
  expect(means.ingest).toBeCloseTo(50);
});

test('a stage in which nothing has happened takes no time', () => {
  const totals = readStageTotals(page(1, 10));
  expect(stageMeans(totals, totals).ingest).toBe(0);
  expect(totals.delivery).toEqual({ seconds: 0, count: 0 });
});
