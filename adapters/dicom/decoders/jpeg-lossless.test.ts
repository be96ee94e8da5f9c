import { describe, expect, it } from 'vitest';

import { encodeJpegLossless } from '../../../test/support/encode-jpeg-lossless.js';
import type { LosslessImage } from '../../../test/support/encode-jpeg-lossless.js';
import { pixelHeader } from '../../../test/support/pixel-header.js';
import { decodeJpegLossless } from './jpeg-lossless.js';

const options = { maxPixels: 1e6 };

function noise(width: number, height: number, precision: number, components = 1): LosslessImage {
  let seed = precision * 7919 + components;
  const values = Array.from({ length: width * height * components }, () => {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    return Math.floor((seed / 2147483648) * 2 ** precision);
  });
  return { width, height, precision, components, values };
}

function headerOf({ width, height, precision, components }: LosslessImage) {
  const deep = precision > 8;
  return pixelHeader({
    Rows: height,
    Columns: width,
    SamplesPerPixel: components,
    BitsAllocated: deep ? 16 : 8,
    BitsStored: precision,
    HighBit: precision - 1,
  });
}

async function decode(image: LosslessImage, stream: Uint8Array) {
  const samples = await decodeJpegLossless(stream, headerOf(image), options);
  return Array.from(samples.data);
}

describe('decodeJpegLossless', () => {
  it.each([1, 2, 3, 4, 5, 6, 7])('undoes predictor %d at 16 bits', async (predictor) => {
    const image = noise(13, 9, 16);
    expect(await decode(image, encodeJpegLossless(image, { predictor }))).toEqual(image.values);
  });

  it.each([2, 7, 8, 10, 12, 15])('decodes %d bits', async (precision) => {
    const image = noise(17, 5, precision);
    expect(await decode(image, encodeJpegLossless(image, { predictor: 1 }))).toEqual(image.values);
  });

  it('decodes the difference 32768, which has no value bits', async () => {
    const image = { ...noise(4, 1, 16), values: [0, 32768, 0, 32768] };
    expect(await decode(image, encodeJpegLossless(image, { predictor: 1 }))).toEqual(image.values);
  });

  it.each([1, 4])('starts anew behind restart markers with predictor %d', async (predictor) => {
    const image = noise(11, 10, 12);
    const stream = encodeJpegLossless(image, { predictor, restartRows: 3 });
    expect(await decode(image, stream)).toEqual(image.values);
  });

  it.each([true, false])('decodes three components, interleaved: %s', async (interleaved) => {
    const image = noise(7, 6, 8, 3);
    const stream = encodeJpegLossless(image, { predictor: 6, interleaved });
    expect(await decode(image, stream)).toEqual(image.values);
  });

  it('undoes the point transform', async () => {
    const image = noise(6, 6, 12);
    const stream = encodeJpegLossless(image, { predictor: 1, pointTransform: 2 });
    expect(await decode(image, stream)).toEqual(image.values.map((value) => value & ~3));
  });

  it('refuses every cut, bare and with EOI behind it', () => {
    const image = noise(16, 16, 12);
    const stream = encodeJpegLossless(image, { predictor: 1 });
    for (let length = 0; length < stream.length - 2; length += 3) {
      for (const tail of [Buffer.alloc(0), Buffer.from([0xff, 0xd9])]) {
        const cut = Buffer.concat([stream.subarray(0, length), tail]);
        expect(() => decodeJpegLossless(cut, headerOf(image), options), `${length}`).toThrow(
          expect.objectContaining({ code: 'pixel-data-corrupt' }),
        );
      }
    }
  });

  it('refuses samples beyond the precision, which a damaged stream gives', () => {
    const image = { ...noise(4, 4, 12), values: Array.from({ length: 16 }, () => 5000) };
    const stream = encodeJpegLossless(image, { predictor: 1 });
    expect(() => decodeJpegLossless(stream, headerOf(image), options)).toThrow(
      expect.objectContaining({ code: 'pixel-data-corrupt' }),
    );
  });

  it('refuses a stream of another process, other dimensions and missing restarts', () => {
    const image = noise(8, 8, 12);
    const stream = encodeJpegLossless(image, { predictor: 1 });
    const baseline = Buffer.from(stream);
    baseline[3] = 0xc0;
    const withoutRestarts = encodeJpegLossless(image, { predictor: 1 });
    const announced = Buffer.concat([
      withoutRestarts.subarray(0, 2),
      Buffer.from([0xff, 0xdd, 0, 4, 0, 8]),
      withoutRestarts.subarray(2),
    ]);
    for (const [broken, header] of [
      [baseline, headerOf(image)],
      [stream, { ...headerOf(image), Columns: 9 }],
      [announced, headerOf(image)],
    ] as const) {
      expect(() => decodeJpegLossless(broken, header, options)).toThrow(
        expect.objectContaining({ code: 'pixel-data-corrupt' }),
      );
    }
  });
});
