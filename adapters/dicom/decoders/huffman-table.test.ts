import { describe, expect, it } from 'vitest';

import { readEntropyScan } from './entropy-segments.js';
import { forEachCode, readHuffmanTables } from './huffman-table.js';
import { extend } from './lossless-differences.js';

const table = (destination: number, counts: number[], values: number[]) => [
  destination,
  ...counts,
  ...Array.from({ length: 16 - counts.length }, () => 0),
  ...values,
];

describe('readHuffmanTables', () => {
  it('assigns codes in the order of T.81 Annex C', () => {
    const tables = readHuffmanTables(Uint8Array.from(table(0x10, [0, 2, 1], [7, 8, 9])));
    const codes: [string, number][] = [];
    const code = tables.get(0x10);
    if (code !== undefined) {
      forEachCode(code, (code16, length, value) => {
        codes.push([(code16 >> (16 - length)).toString(2).padStart(length, '0'), value]);
      });
    }
    expect(codes).toEqual([
      ['00', 7],
      ['01', 8],
      ['100', 9],
    ]);
  });

  it.each([
    ['values cut off', table(0, [0, 2, 1], [7])],
    ['more codes than a length has room for', table(0, [3], [1, 2, 3])],
  ])('refuses %s', (_, bytes) => {
    expect(() => readHuffmanTables(Uint8Array.from(bytes))).toThrow(
      expect.objectContaining({ code: 'pixel-data-corrupt' }),
    );
  });
});

describe('extend', () => {
  it.each([
    [0, 0, 0],
    [0, 1, -1],
    [1, 1, 1],
    [0, 3, -7],
    [3, 3, -4],
    [4, 3, 4],
    [0, 16, 32768],
  ])('value bits %d of category %d are %d', (value, category, difference) => {
    expect(extend(value, category)).toBe(difference);
  });
});

describe('readEntropyScan', () => {
  it('unstuffs, splits at restart markers and stops at any other', () => {
    const stream = Uint8Array.from([9, 1, 0xff, 0, 2, 0xff, 0xd0, 3, 0xff, 0xff, 0xd9]);
    const { segments, end } = readEntropyScan(stream, 1, 2);
    expect(segments.map(({ bytes, length }) => [...bytes.subarray(0, length)])).toEqual([
      [1, 0xff, 2],
      [3],
    ]);
    expect(segments.map(({ bytes, length }) => bytes.length - length)).toEqual([2, 2]);
    expect(end).toBe(9);
  });

  it('refuses a scan that no marker ends', () => {
    for (const bytes of [
      [1, 2, 3],
      [1, 0xff],
    ]) {
      expect(() => readEntropyScan(Uint8Array.from(bytes), 0, 0)).toThrow(
        expect.objectContaining({ code: 'pixel-data-corrupt' }),
      );
    }
  });
});
