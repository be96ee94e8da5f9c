import { expect, it } from 'vitest';

import { matchesWildcard } from './wildcard.js';

it.each([
  ['CHEST', 'CHEST', true],
  ['CHEST', 'CHES', false],
  ['CHEST', 'CH*', true],
  ['PORTABLE CHEST', '*CHEST', true],
  ['PORTABLE CHEST PA', '*CHEST', false],
  ['CHEST', '?HES?', true],
  ['CHEST', '?CHEST', false],
  ['', '*', true],
  ['', '?', false],
  ['AXBXC', 'A*B*C', true],
  ['AAB', '*AB', true],
  ['A.C', 'A.C', true],
  ['ABC', 'A.C', false],
])('%s matches %s: %s', (value, pattern, expected) => {
  expect(matchesWildcard(value, pattern)).toBe(expected);
});

it('ends with a pattern that would ruin a regular expression', () => {
  expect(matchesWildcard('A'.repeat(100_000), `${'A*'.repeat(99)}B`)).toBe(false);
});
