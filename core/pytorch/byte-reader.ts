import { invalidCheckpoint } from './checkpoint-error.js';

/** Reads little-endian values and refuses to read behind the end. */
export interface ByteReader {
  readonly offset: number;
  u8(): number;
  u16(): number;
  i32(): number;
  u32(): number;
  /** Up to 2^53: larger lengths cannot be in a file that fits in memory. */
  u64(): number;
  f64BigEndian(): number;
  bytes(length: number): Buffer;
  /** Text up to a line feed, which is consumed. */
  line(limit: number): string;
}

export function createByteReader(data: Uint8Array, start = 0): ByteReader {
  const buffer = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  let offset = start;

  function take(length: number): number {
    if (length > buffer.length - offset) {
      throw invalidCheckpoint('it ends too early');
    }
    const at = offset;
    offset += length;
    return at;
  }

  return {
    get offset() {
      return offset;
    },
    u8: () => buffer.readUInt8(take(1)),
    u16: () => buffer.readUInt16LE(take(2)),
    i32: () => buffer.readInt32LE(take(4)),
    u32: () => buffer.readUInt32LE(take(4)),
    u64() {
      const value = Number(buffer.readBigUInt64LE(take(8)));
      if (!Number.isSafeInteger(value)) {
        throw invalidCheckpoint('it states an impossible length');
      }
      return value;
    },
    f64BigEndian: () => buffer.readDoubleBE(take(8)),
    bytes(length) {
      const at = take(length);
      return buffer.subarray(at, at + length);
    },
    line(limit) {
      const end = buffer.indexOf(0x0a, offset);
      if (end < 0 || end - offset > limit) {
        throw invalidCheckpoint('a line in it has no end');
      }
      const text = buffer.toString('utf8', offset, end);
      offset = end + 1;
      return text;
    },
  };
}
