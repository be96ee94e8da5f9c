import { describe, expect, it } from 'vitest';

import { codestreamOf, numbersOf } from './codestream.js';

/** Says how much has been read. */
function counted(bytes: Uint8Array) {
  const read = { first: 0, elsewhere: 0 };
  const inMemory = codestreamOf(bytes);
  return {
    read,
    length: bytes.length,
    bytes(count = bytes.length) {
      read.first = Math.max(read.first, count);
      return inMemory.bytes(count);
    },
    readInto(target: Uint8Array, offset: number) {
      read.elsewhere += target.length;
      inMemory.readInto(target, offset);
    },
  };
}

describe('numbersOf', () => {
  const LENGTH = 1_000_000;
  const bytes = Uint8Array.from({ length: LENGTH }, (_, at) => (at * 7) & 0xff);
  const view = new DataView(bytes.buffer);

  it('reads the two ends of a stream alone, as long as nothing else is asked for', () => {
    const stream = counted(bytes);
    const numbers = numbersOf(stream);
    expect(numbers.byteLength).toBe(LENGTH);
    expect(numbers.getUint32(1000)).toBe(view.getUint32(1000));
    expect(numbers.getUint16(LENGTH - 2)).toBe(view.getUint16(LENGTH - 2));
    expect(numbers.getUint8(LENGTH - 7)).toBe(view.getUint8(LENGTH - 7));
    expect(stream.read.first).toBeLessThan(LENGTH / 10);
    expect(stream.read.elsewhere).toBeLessThan(LENGTH / 10);
    expect(numbers.getUint32(LENGTH / 2)).toBe(view.getUint32(LENGTH / 2));
    expect(stream.read.first).toBe(LENGTH);
  });

  it('gives what a view gives, everywhere, and beyond the end nothing', () => {
    for (const length of [5, 1023, 1024, 1025, 65_535, 65_537, 66_561]) {
      const some = bytes.subarray(0, length);
      const expected = new DataView(some.buffer, 1, length - 1);
      for (const at of [0, 1, 1020, 65_530, 65_534, length - 1029, length - 1024, length - 5]) {
        if (at >= 0 && at + 4 <= length - 1) {
          expect(numbersOf(codestreamOf(some), 1).getUint32(at)).toBe(expected.getUint32(at));
        }
      }
      for (const beyond of [length - 4, length - 1, length + 70_000]) {
        expect(() => numbersOf(codestreamOf(some), 1).getUint32(beyond)).toThrow(RangeError);
      }
    }
  });
});
