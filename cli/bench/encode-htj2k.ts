import { createRequire } from 'node:module';

import type { GreyImage } from '../../scripts/phantom/phantom-dicom.js';

interface Htj2kEncoder {
  getDecodedBuffer(frameInfo: object): Uint8Array;
  setQuality(lossless: boolean, quantisationStep: number): void;
  encode(): void;
  getEncodedBuffer(): Uint8Array;
  delete(): void;
}

/** No Debian package encodes HTJ2K: the codec's own encoder. Returns the codestream. */
export async function encodeHtj2k(image: GreyImage, lossless: boolean): Promise<Buffer> {
  const require = createRequire(import.meta.url);
  const factory = require('@cornerstonejs/codec-openjph/wasmjs') as (
    overrides: object,
  ) => Promise<{ HTJ2KEncoder: new () => Htj2kEncoder }>;
  const { HTJ2KEncoder } = await factory({ print() {}, printErr() {} });
  const encoder = new HTJ2KEncoder();
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
