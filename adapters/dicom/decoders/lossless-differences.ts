import { forEachCode } from './huffman-table.js';
import type { HuffmanCode } from './huffman-table.js';

/**
 * Bits looked up at once. Codes and differences of a radiograph take 8 bits on average; 12 bits hold
 * nearly all of them and the table (16 KB) stays in the first-level cache.
 */
export const LOOK_UP_BITS = 12;

/** A category of 16 is the difference 32768, without further bits. Source: T.81 H.1.2.2. */
export const CATEGORY_WITHOUT_BITS = 16;

/** Code and value bits of a difference in one look-up. */
export interface DifferenceTable {
  /** By the next LOOK_UP_BITS bits: difference << 8 | bits taken; 0 where they are not enough. */
  readonly whole: Int32Array;
  /** By the next 16 bits: length of the code << 8 | category; 0 where there is no such code. */
  readonly categories: Uint16Array;
}

export function createDifferenceTable(code: HuffmanCode): DifferenceTable {
  const whole = new Int32Array(1 << LOOK_UP_BITS);
  const categories = new Uint16Array(65536);
  forEachCode(code, (code16, length, category) => {
    if (category > CATEGORY_WITHOUT_BITS) {
      return; // No such category: a stream that uses the code is damaged.
    }
    categories.fill((length << 8) | category, code16, code16 + (1 << (16 - length)));
    const valueBits = category === CATEGORY_WITHOUT_BITS ? 0 : category;
    const taken = length + valueBits;
    if (taken > LOOK_UP_BITS) {
      return;
    }
    const repeat = 1 << (LOOK_UP_BITS - taken);
    for (let value = 0; value < 1 << valueBits; value += 1) {
      const at = (code16 >> (16 - LOOK_UP_BITS)) + value * repeat;
      whole.fill((extend(value, category) << 8) | taken, at, at + repeat);
    }
  });
  return { whole, categories };
}

/** The difference of a category's value bits. Source: T.81 F.2.2.1 (EXTEND), H.1.2.2. */
export function extend(value: number, category: number): number {
  if (category === 0 || category === CATEGORY_WITHOUT_BITS) {
    return category === 0 ? 0 : 32768;
  }
  return value < 1 << (category - 1) ? value - (1 << category) + 1 : value;
}
