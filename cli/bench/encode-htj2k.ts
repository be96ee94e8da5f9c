import { createRequire } from 'node:module';

import type { GreyImage } from '../../scripts/phantom/phantom-dicom.js';

interface Sides {
  readonly width: number;
  readonly height: number;
}

/** OpenJPH's, as far as it is called. */
export interface Htj2kEncoder {
  getDecodedBuffer(frameInfo: object): Uint8Array;
  setQuality(lossless: boolean, quantisationStep: number): void;
  setDecompositions(count: number): void;
  setBlockDimensions(sides: Sides): void;
  setProgressionOrder(order: number): void;
  setNumPrecincts(count: number): void;
  setPrecinct(index: number, sides: Sides): void;
  setTilePartDivisionsAtResolutions(divided: boolean): void;
  setTLMMarker(there: boolean): void;
  encode(): void;
  getEncodedBuffer(): Uint8Array;
  delete(): void;
}

/** No Debian package encodes HTJ2K: the codec's own encoder. */
export async function createHtj2kEncoder(): Promise<Htj2kEncoder> {
  const require = createRequire(import.meta.url);
  const factory = require('@cornerstonejs/codec-openjph/wasmjs') as (
    overrides: object,
  ) => Promise<{ HTJ2KEncoder: new () => Htj2kEncoder }>;
  const { HTJ2KEncoder } = await factory({ print() {}, printErr() {} });
  return new HTJ2KEncoder();
}

/** Returns the codestream. */
export async function encodeHtj2k(image: GreyImage, lossless: boolean): Promise<Buffer> {
  const encoder = await createHtj2kEncoder();
  const { Rows: height, Columns: width, BitsStored: bitsPerSample, pixels } = image;
  encoder
    .getDecodedBuffer({
      ...{ width, height, bitsPerSample },
      ...{ componentCount: 1, isSigned: false, isUsingColorTransform: false },
    })
    .set(new Uint8Array(pixels.buffer, pixels.byteOffset, pixels.byteLength));
  encoder.setQuality(lossless, lossless ? 0 : 0.001);
  encoder.encode();
  const codestream = Buffer.from(encoder.getEncodedBuffer());
  encoder.delete();
  return codestream;
}
