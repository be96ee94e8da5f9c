import { describe, expect, it } from 'vitest';

import { lendCopy } from './sample-memory.js';

describe('lendCopy', () => {
  it('gives memory that was released again, also to a smaller image', () => {
    const first = lendCopy(Uint8Array.of(1, 2, 3, 4));
    first.release();
    const second = lendCopy(Uint8Array.of(5, 6));
    expect([...second.bytes]).toEqual([5, 6]);
    expect(second.bytes.buffer).toBe(first.bytes.buffer);
    second.release();
  });

  it('never lends memory to two images at once', () => {
    const first = lendCopy(Uint8Array.of(1, 2));
    const second = lendCopy(Uint8Array.of(3, 4));
    expect([...first.bytes]).toEqual([1, 2]);
    first.release();
    const third = lendCopy(Uint8Array.of(5, 6));
    // Released twice: it is lent to the third by now.
    first.release();
    const fourth = lendCopy(Uint8Array.of(7, 8));
    expect([second, third, fourth].map(({ bytes }) => [...bytes])).toEqual([
      [3, 4],
      [5, 6],
      [7, 8],
    ]);
  });
});
