import { describe, expect, it } from 'vitest';

import { createTagTree } from './tag-tree.js';

/** Takes bits from a string of them, and says what is left. */
function bitsOf(text: string) {
  let at = 0;
  return { next: () => Number(text[at++]), left: () => text.slice(at) };
}

describe('createTagTree', () => {
  it('reads the example of T.800 B.10.2', () => {
    const tree = createTagTree(6, 3);
    const bits = bitsOf('01111001101');
    const valueOf = (leaf: number) => tree.read(leaf, 9, bits.next);
    expect([0, 1, 2].map(valueOf)).toEqual([1, 3, 2]);
    expect(bits.left()).toBe('');
  });

  it('reads no more than a limit asks for, and goes on from there', () => {
    const tree = createTagTree(1, 1);
    const bits = bitsOf('001');
    expect(tree.read(0, 1, bits.next)).toBe(1);
    expect(bits.left()).toBe('01');
    expect(tree.read(0, 1, bits.next)).toBe(1);
    expect(bits.left()).toBe('01');
    expect(tree.read(0, 3, bits.next)).toBe(2);
    expect(bits.left()).toBe('');
    expect(tree.read(0, 9, bits.next)).toBe(2);
  });
});
