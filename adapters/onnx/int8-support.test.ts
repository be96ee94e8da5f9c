import { expect, test } from 'vitest';

import { flagsHaveFastInt8 } from './int8-support.js';

test('the flags of the processor tell whether int8 pays', () => {
  expect(flagsHaveFastInt8('model name\t: x\nflags\t\t: fpu avx2 avx512_vnni\n')).toBe(true);
  expect(flagsHaveFastInt8('Features\t: fp asimd asimddp\n')).toBe(true);
  expect(flagsHaveFastInt8('flags\t\t: fpu avx2 avx512f\n')).toBe(false);
  expect(flagsHaveFastInt8('')).toBe(false);
});
