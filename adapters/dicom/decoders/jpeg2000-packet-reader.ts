import { FIRST_BYTES } from './codestream.js';
import type { Codestream } from './codestream.js';
import { damagedJpeg2000 as damaged } from './jpeg2000-markers.js';
import type { Span } from './jpeg2000-plain.js';
import type { NextBit } from './tag-tree.js';

const START_OF_PACKET = 0xff91;
const START_OF_PACKET_BYTES = 6;
const END_OF_HEADER = 0xff92;
/** More bits than the length of any file needs. */
const MAX_BITS = 31;

/** All packets, of which no more are read than are needed. */
export type Packets = Pick<Codestream, 'length' | 'bytes'>;

/** Walks packets: a header of bits, then bytes. All of it throws `pixel-data-corrupt` beyond the end. */
export interface PacketReader {
  /** Behind a marker, if one stands there. */
  beginHeader(): void;
  readonly bit: NextBit;
  bits(count: number): number;
  /** A number of coding passes. Source: T.800 Table B.4. */
  passes(): number;
  /** Goes on to the next whole byte, and past a marker where headers end with one. */
  endHeader(withMarker: boolean): void;
  take(length: number): Span;
}

/** In headers a byte behind FF has seven bits. Source: T.800 B.10.1. */
export function createPacketReader(packets: Packets): PacketReader {
  let data = packets.bytes(Math.min(packets.length, FIRST_BYTES));
  let offset = 0;
  let current = 0;
  /** Bits of it that have not been taken. */
  let left = 0;

  /** Twice as many bytes each time, where so many are there. */
  function load(end: number): void {
    if (end > data.length) {
      data = packets.bytes(Math.min(packets.length, Math.max(end, 2 * data.length)));
    }
  }

  function marker(): number {
    load(offset + 2);
    return ((data[offset] ?? 0) << 8) | (data[offset + 1] ?? 0);
  }

  function nextByte(): void {
    load(offset + 1);
    if (offset >= data.length) {
      throw damaged();
    }
    left = current === 0xff ? 7 : 8;
    current = data[offset]!;
    offset += 1;
  }

  function bit(): number {
    if (left === 0) {
      nextByte();
    }
    left -= 1;
    return (current >> left) & 1;
  }

  function bits(count: number): number {
    if (count > MAX_BITS) {
      throw damaged();
    }
    let value = 0;
    for (let index = 0; index < count; index += 1) {
      value = value * 2 + bit();
    }
    return value;
  }

  return {
    bit,
    bits,
    beginHeader() {
      if (marker() === START_OF_PACKET) {
        offset += START_OF_PACKET_BYTES;
      }
      current = 0;
      left = 0;
    },
    passes() {
      if (bit() === 0) {
        return 1;
      }
      if (bit() === 0) {
        return 2;
      }
      const few = bits(2);
      if (few < 3) {
        return 3 + few;
      }
      const some = bits(5);
      return some < 31 ? 6 + some : 37 + bits(7);
    },
    endHeader(withMarker) {
      // A header never ends with FF: a byte of stuffing follows.
      if (current === 0xff) {
        nextByte();
      }
      // Encoders have announced the marker and left it out.
      if (withMarker && marker() === END_OF_HEADER) {
        offset += 2;
      }
    },
    take(length) {
      const span = { offset, length };
      offset += length;
      if (offset > packets.length) {
        throw damaged();
      }
      return span;
    },
  };
}
