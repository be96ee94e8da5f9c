import { createRequire } from 'node:module';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { pixelHeader } from '../../../test/support/pixel-header.js';
import { withKernel } from '../../../core/kernel/kernel.js';
import { decodeJpegLs, openJpegLs } from './jpeg-ls.js';

const options = { maxPixels: 1e6 };

interface Encoder {
  getDecodedBuffer(frame: object): Uint8Array;
  setNearLossless(near: number): void;
  encode(): void;
  getEncodedBuffer(): Uint8Array;
  delete(): void;
}

const factory = createRequire(import.meta.url)('@cornerstonejs/codec-charls') as () => Promise<{
  readonly JpegLSEncoder: new () => Encoder;
}>;
const { JpegLSEncoder } = await factory();

interface Picture {
  readonly width: number;
  readonly height: number;
  readonly bits: number;
  readonly samples: Uint16Array;
}

/** As CharLS writes it. */
function encode({ width, height, bits, samples }: Picture, near = 0): Uint8Array {
  const encoder = new JpegLSEncoder();
  const frame = { width, height, bitsPerSample: bits, componentCount: 1, isSigned: false };
  const bytes = bits <= 8 ? Uint8Array.from(samples) : new Uint8Array(samples.buffer);
  encoder.getDecodedBuffer(frame).set(bytes);
  encoder.setNearLossless(near);
  encoder.encode();
  const stream = Uint8Array.from(encoder.getEncodedBuffer());
  encoder.delete();
  return stream;
}

function headerOf({ width, height, bits }: Picture) {
  return pixelHeader({
    ...{ Rows: height, Columns: width, BitsStored: bits, HighBit: bits - 1 },
    BitsAllocated: bits <= 8 ? 8 : 16,
  });
}

/** Smooth, flat and noisy parts: every mode of the code, and every length of a run. */
const pictures = fc
  .record({
    width: fc.integer({ min: 1, max: 90 }),
    height: fc.integer({ min: 1, max: 30 }),
    bits: fc.integer({ min: 2, max: 16 }),
    noise: fc.constantFrom(0, 0.01, 0.2, 1),
    flat: fc.double({ min: 0, max: 1, noNaN: true }),
    seed: fc.integer(),
  })
  .map(({ width, height, bits, noise, flat, seed }): Picture => {
    let state = seed >>> 0;
    const next = () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state / 2 ** 32;
    };
    const highest = 2 ** bits - 1;
    const samples = Uint16Array.from({ length: width * height }, (_, at) => {
      const x = at % width;
      const wave = 0.5 + 0.4 * Math.sin(x / 9 + Math.floor(at / width) / 5);
      const value = x < flat * width ? 0.3 : wave + (next() - 0.5) * noise;
      // One in fifty breaks a run.
      const pixel = next() < 0.02 ? next() : value;
      return Math.round(highest * Math.min(1, Math.max(0, pixel)));
    });
    return { width, height, bits, samples };
  });

const example: Picture = {
  ...{ width: 40, height: 30, bits: 12 },
  samples: Uint16Array.from({ length: 1200 }, (_, at) => (at * 37 + (at % 7) * 301) % 4096),
};

describe('decodeJpegLs', () => {
  it('gives what CharLS encoded, of any depth and size', async () => {
    await fc.assert(
      fc.asyncProperty(pictures, async (picture) => {
        const { data, usedBits } = await decodeJpegLs(encode(picture), headerOf(picture), options);
        expect([...data]).toEqual([...picture.samples]);
        expect(usedBits).toBe(picture.bits);
      }),
      { seed: 20240504, numRuns: 300 },
    );
  });

  it('leaves near-lossless images to CharLS', async () => {
    const stream = encode(example, 3);
    expect(openJpegLs(stream, headerOf(example))).toBeUndefined();
    const { data } = await decodeJpegLs(stream, headerOf(example), options);
    data.forEach((value, at) => {
      expect(Math.abs(value - example.samples[at]!)).toBeLessThanOrEqual(3);
    });
  });

  it('refuses streams that are cut off, wherever, also with an end marker behind the cut', async () => {
    const stream = encode(example);
    for (let length = 60; length < stream.length - 8; length += 97) {
      const cut = [...stream.subarray(0, length), 0xff, 0xd9];
      const decoded = decodeJpegLs(Uint8Array.from(cut), headerOf(example), options);
      await expect(decoded).rejects.toMatchObject({ code: 'pixel-data-corrupt' });
    }
  });

  it('refuses data that go on long after the last sample', async () => {
    const stream = encode(example);
    const longer = [...stream.subarray(0, -2), ...new Uint8Array(20).fill(0x55), 0xff, 0xd9];
    const decoded = decodeJpegLs(Uint8Array.from(longer), headerOf(example), options);
    await expect(decoded).rejects.toMatchObject({ code: 'pixel-data-corrupt' });
  });
});

describe('openJpegLs', () => {
  it.each([1, 2, 3, 7])('gives the same rows %i at a time', (step) => {
    const { width, height, samples } = example;
    const rows = openJpegLs(encode(example), headerOf(example));
    const read = withKernel((kernel) => {
      const reader = rows!.begin(kernel);
      const strip = kernel.allocate(2 * width * step);
      const all: number[] = [];
      for (let row = 0; row < height; row += step) {
        const count = Math.min(step, height - row);
        reader.read(strip, row, count);
        all.push(...kernel.uint16(strip, count * width));
      }
      reader.end();
      return all;
    });
    expect(read).toEqual([...samples]);
  });
});
