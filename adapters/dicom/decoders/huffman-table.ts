import { PipelineError } from '../../../core/errors.js';

/** A JPEG Huffman code, ready for look-ups. Source: T.81 C.2, F.2.2.3. */
export interface HuffmanCode {
  /** Number of codes of each length, index 1 to 16. */
  readonly counts: Uint8Array;
  /** Values in the order of their codes. */
  readonly values: Uint8Array;
}

export const MAX_CODE_BITS = 16;

/** The tables of a DHT segment, by destination (class in the high nibble, T.81 B.2.4.2). */
export function readHuffmanTables(segment: Uint8Array): Map<number, HuffmanCode> {
  const tables = new Map<number, HuffmanCode>();
  let offset = 0;
  while (offset < segment.length) {
    const destination = segment[offset] ?? 0;
    const counts = new Uint8Array(MAX_CODE_BITS + 1);
    counts.set(segment.subarray(offset + 1, offset + 17), 1);
    const total = counts.reduce((sum, count) => sum + count, 0);
    const values = segment.subarray(offset + 17, offset + 17 + total);
    if (values.length < total || !isPrefixCode(counts)) {
      throw new PipelineError('pixel-data-corrupt', 'A Huffman table is damaged.');
    }
    tables.set(destination, { counts, values });
    offset += 17 + total;
  }
  return tables;
}

/**
 * Calls `visit` for every code: its bits left-aligned in 16, its length and its value, in code order.
 * Source: T.81 Annex C.
 */
export function forEachCode(
  { counts, values }: HuffmanCode,
  visit: (code16: number, length: number, value: number) => void,
): void {
  let code = 0;
  let index = 0;
  for (let length = 1; length <= MAX_CODE_BITS; length += 1) {
    for (let k = 0; k < (counts[length] ?? 0); k += 1) {
      visit(code << (MAX_CODE_BITS - length), length, values[index] ?? 0);
      code += 1;
      index += 1;
    }
    code <<= 1;
  }
}

/** No length may have more codes than the shorter ones leave room for. */
function isPrefixCode(counts: Uint8Array): boolean {
  let room = 1;
  for (let length = 1; length <= MAX_CODE_BITS; length += 1) {
    room = 2 * room - (counts[length] ?? 0);
    if (room < 0) {
      return false;
    }
  }
  return true;
}
