import { describe, expect, it } from 'vitest';

import { codestreamOf } from './codestream.js';
import { createPacketReader } from './jpeg2000-packet-reader.js';

const corrupt = expect.objectContaining({ code: 'pixel-data-corrupt' }) as Error;

/** Bits as bytes, filled up with zeros. */
function bytesOf(bits: string): Uint8Array {
  const bytes = bits.match(/.{1,8}/g) ?? [];
  return Uint8Array.from(bytes, (byte) => Number.parseInt(byte.padEnd(8, '0'), 2));
}

const readerOf = (packets: Uint8Array) => createPacketReader(codestreamOf(packets));

describe('createPacketReader', () => {
  it.each([
    ['0', 1],
    ['10', 2],
    ['1100', 3],
    ['1110', 5],
    ['111100000', 6],
    ['111111110', 36],
    ['1111111110000000', 37],
    ['1111111111111111', 164],
  ])('reads %s as %i coding passes', (bits, passes) => {
    const reader = readerOf(bits.length > 8 ? stuffed(bits) : bytesOf(bits));
    reader.beginHeader();
    expect(reader.passes()).toBe(passes);
  });

  it('passes over the bit behind FF, in a header and at its end', () => {
    const reader = readerOf(Uint8Array.of(0xff, 0x7f, 0xff, 0x00, 0xab));
    reader.beginHeader();
    expect(reader.bits(23)).toBe(0x7f_ff_ff);
    reader.endHeader(false);
    expect(reader.take(1)).toEqual({ offset: 4, length: 1 });
  });

  it('passes over the markers of packets, where they stand', () => {
    const reader = readerOf(Uint8Array.of(0xff, 0x91, 0, 4, 0, 0, 0x80, 0xff, 0x92, 1, 0x80, 2));
    reader.beginHeader();
    expect(reader.bit()).toBe(1);
    reader.endHeader(true);
    expect(reader.take(1)).toEqual({ offset: 9, length: 1 });
    reader.beginHeader();
    expect(reader.bit()).toBe(1);
    reader.endHeader(true);
    expect(reader.take(1)).toEqual({ offset: 11, length: 1 });
  });

  it('refuses what lies beyond the end', () => {
    const reader = readerOf(Uint8Array.of(0x12));
    reader.beginHeader();
    expect(reader.bits(8)).toBe(0x12);
    expect(() => reader.bit()).toThrow(corrupt);
    expect(() => reader.bits(32)).toThrow(corrupt);
    expect(() => reader.take(1)).toThrow(corrupt);
  });
});

/** The same with a bit of 0 behind every byte FF. */
function stuffed(bits: string): Uint8Array {
  return bytesOf(bits.startsWith('11111111') ? `${bits.slice(0, 8)}0${bits.slice(8)}` : bits);
}
