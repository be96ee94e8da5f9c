/** Larger memory is not kept from one image to the next. */
const KEPT_BYTES = 64 * 1024 * 1024;

/** Bytes that may be used until they are released, once. Who never releases them leaves them to the garbage collector. */
export interface LentBytes {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly release: () => void;
}

let idle: ArrayBuffer | undefined;

/**
 * A copy of bytes in memory that is used for one image after the other. Fresh memory of this size makes V8 collect its
 * whole heap every few images, and the kernel clear every page of it.
 */
export function lendCopy(source: Uint8Array): LentBytes {
  const { byteLength } = source;
  const buffer =
    idle !== undefined && idle.byteLength >= byteLength ? idle : new ArrayBuffer(byteLength);
  if (buffer === idle) {
    idle = undefined;
  }
  const bytes = new Uint8Array(buffer, 0, byteLength);
  bytes.set(source);
  let lent = true;
  return {
    bytes,
    release() {
      if (lent && buffer.byteLength <= KEPT_BYTES) {
        idle = buffer;
      }
      lent = false;
    },
  };
}

export interface LentSamples {
  readonly data: Uint8Array | Uint16Array;
  readonly release: () => void;
}

/** The same of a codec's samples of so many bits: a byte each, or two in little endian from the ninth bit on. */
export function lendSamples(source: Uint8Array, bits: number): LentSamples {
  const { bytes, release } = lendCopy(source);
  const data = bits <= 8 ? bytes : new Uint16Array(bytes.buffer, 0, bytes.length >> 1);
  return { data, release };
}
