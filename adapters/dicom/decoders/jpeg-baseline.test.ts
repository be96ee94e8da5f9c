import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';

import { pixelHeader } from '../../../test/support/pixel-header.js';
import { decodeJpegBaseline } from './jpeg-baseline.js';

const header = pixelHeader({ Rows: 40, Columns: 48, BitsAllocated: 8, BitsStored: 8, HighBit: 7 });
const options = { maxPixels: 1e6 };
let jpeg: Buffer;
let expected: Buffer;

beforeAll(async () => {
  const pixels = Buffer.from(
    Uint8Array.from({ length: 40 * 48 }, (_, index) => (index * 7 + (index >> 4) * 31) & 0xff),
  );
  jpeg = await sharp(pixels, { raw: { width: 48, height: 40, channels: 1 } })
    .toColourspace('b-w')
    .jpeg({ quality: 90 })
    .toBuffer();
  expected = await sharp(jpeg).toColourspace('b-w').raw().toBuffer();
});

describe('decodeJpegBaseline', () => {
  it('gives the pixels that libvips gives', async () => {
    const samples = await decodeJpegBaseline(jpeg, header, options);
    expect(samples).toMatchObject({ width: 48, height: 40, components: 1 });
    expect(Buffer.compare(Buffer.from(samples.data), expected)).toBe(0);
  });

  it('reads past padding behind the end', async () => {
    const padded = Buffer.concat([jpeg, Buffer.from([0, 0])]);
    await expect(decodeJpegBaseline(padded, header, options)).resolves.toMatchObject({ width: 48 });
  });

  it('refuses every cut, from the first byte to the last', async () => {
    for (let length = 0; length < jpeg.length; length += 1) {
      await expect(
        (async () => decodeJpegBaseline(jpeg.subarray(0, length), header, options))(),
      ).rejects.toMatchObject({ code: 'pixel-data-corrupt' });
    }
  });

  it('refuses a cut that ends with EOI', async () => {
    const cut = Buffer.concat([
      jpeg.subarray(0, Math.floor(jpeg.length * 0.8)),
      Buffer.from([0xff, 0xd9]),
    ]);
    await expect(decodeJpegBaseline(cut, header, options)).rejects.toMatchObject({
      code: 'pixel-data-corrupt',
    });
  });

  it('refuses a stream of other dimensions than its header before decoding', async () => {
    await expect(decodeJpegBaseline(jpeg, { ...header, Rows: 41 }, options)).rejects.toMatchObject({
      code: 'pixel-data-corrupt',
      context: { codedHeight: 40, Rows: 41 },
    });
  });
});
