/** One frame's codestream, its fragments joined: in memory, or still in its file. */
export interface Codestream {
  readonly length: number;
  /** All of it in memory, until its file is closed. */
  bytes(): Uint8Array;
  /** Puts bytes from `offset` on where a decoder wants them; those in a file are read there at once. */
  readInto(target: Uint8Array, offset: number): void;
}

/** A codestream that is in memory. */
export function codestreamOf(bytes: Uint8Array): Codestream {
  return {
    length: bytes.length,
    bytes: () => bytes,
    readInto(target, offset) {
      target.set(bytes.subarray(offset, offset + target.length));
    },
  };
}
