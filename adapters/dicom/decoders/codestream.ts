/** One frame's codestream, its fragments joined: in memory, or still in its file. */
export interface Codestream {
  readonly length: number;
  /** The first `count` bytes, or all, in memory: until more are asked for, or its file is closed. */
  bytes(count?: number): Uint8Array;
  /** Puts bytes from `offset` on where a decoder wants them; those in a file are read there at once. */
  readInto(target: Uint8Array, offset: number): void;
}

/** A codestream that is in memory. */
export function codestreamOf(bytes: Uint8Array): Codestream {
  return {
    length: bytes.length,
    bytes: (count) => bytes.subarray(0, count),
    readInto(target, offset) {
      target.set(bytes.subarray(offset, offset + target.length));
    },
  };
}

/** Reads big-endian numbers, as a DataView does, and throws RangeError as it does. */
export type NumberReader = Pick<DataView, 'byteLength' | 'getUint8' | 'getUint16' | 'getUint32'>;

/** What is read at first: most headers end long before, and most padding begins behind. */
export const FIRST_BYTES = 65536;
const LAST_BYTES = 1024;

/** Numbers of a codestream, counted from `start` on. Until one elsewhere is asked for, only its two ends are read. */
export function numbersOf(codestream: Codestream, start = 0): NumberReader {
  let first = viewOf(codestream.bytes(Math.min(codestream.length, FIRST_BYTES)));
  let tail: { readonly view: DataView; readonly offset: number } | undefined;

  function read(name: 'getUint8' | 'getUint16' | 'getUint32', size: number, offset: number) {
    const at = start + offset;
    if (at + size <= first.byteLength) {
      return first[name](at);
    }
    if (at >= codestream.length - LAST_BYTES) {
      if (tail === undefined) {
        const { bytes, offset: tailStart } = tailOf(codestream);
        tail = { view: viewOf(bytes), offset: tailStart };
      }
      return tail.view[name](at - tail.offset);
    }
    first = viewOf(codestream.bytes());
    return first[name](at);
  }

  return {
    byteLength: codestream.length - start,
    getUint8: (offset) => read('getUint8', 1, offset),
    getUint16: (offset) => read('getUint16', 2, offset),
    getUint32: (offset) => read('getUint32', 4, offset),
  };
}

/** The last bytes, and where they begin. */
export function tailOf(codestream: Codestream): { bytes: Uint8Array; offset: number } {
  const offset = Math.max(0, codestream.length - LAST_BYTES);
  const bytes = new Uint8Array(codestream.length - offset);
  codestream.readInto(bytes, offset);
  return { bytes, offset };
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}
