import { describe, expect, it } from 'vitest';

import { pixelHeader } from '../../../test/support/pixel-header.js';
import { decodeRle } from './rle.js';

const options = { maxPixels: 1e6 };

function frame(segments: readonly (readonly number[])[]): Uint8Array {
  const header = Buffer.alloc(64);
  header.writeUInt32LE(segments.length, 0);
  let offset = 64;
  segments.forEach((segment, index) => {
    header.writeUInt32LE(offset, 4 + 4 * index);
    offset += segment.length;
  });
  return Buffer.concat([header, ...segments.map((segment) => Buffer.from(segment))]);
}

const eight = pixelHeader({ Rows: 1, Columns: 6, BitsAllocated: 8, BitsStored: 8, HighBit: 7 });
const sixteen = pixelHeader({ Rows: 1, Columns: 3 });

describe('decodeRle', () => {
  it('unpacks literal runs, repeats and the no-operation', async () => {
    // Three literals, no operation, one repeat of three, a padding byte.
    const stream = frame([[2, 10, 20, 30, 128, 254, 7, 0]]);
    const samples = await decodeRle(stream, eight, options);
    expect(samples.data).toEqual(Uint8Array.of(10, 20, 30, 7, 7, 7));
  });

  it('joins high and low bytes of 16-bit samples', async () => {
    const samples = await decodeRle(
      frame([
        [254, 1],
        [2, 0, 1, 2],
      ]),
      sixteen,
      options,
    );
    expect(samples.data).toEqual(Uint16Array.of(0x100, 0x101, 0x102));
  });

  it('keeps colour by planes', async () => {
    const header = { ...eight, Columns: 2, SamplesPerPixel: 3, PhotometricInterpretation: 'RGB' };
    const samples = await decodeRle(
      frame([
        [255, 1],
        [255, 2],
        [1, 3, 4],
      ]),
      header,
      options,
    );
    expect(samples).toMatchObject({ planar: true, components: 3 });
    expect(samples.data).toEqual(Uint8Array.of(1, 1, 2, 2, 3, 4));
  });

  it('stops where the row ends when a run goes beyond it', async () => {
    const samples = await decodeRle(frame([[250, 9, 250, 8]]), eight, options);
    expect(samples.data).toEqual(Uint8Array.of(9, 9, 9, 9, 9, 9));
  });

  it.each([
    ['a literal run cut off', frame([[5, 1, 2, 3]])],
    ['a repeat without its value', frame([[2, 10, 20, 30, 254]])],
    ['too few bytes', frame([[2, 10, 20, 30]])],
    [
      'a wrong number of segments',
      frame([
        [251, 7],
        [251, 7],
      ]),
    ],
    ['no header', Buffer.alloc(63)],
    ['an empty segment', frame([[]])],
  ])('refuses %s', (_, stream) => {
    expect(() => decodeRle(stream, eight, options)).toThrow(
      expect.objectContaining({ code: 'pixel-data-corrupt' }),
    );
  });

  it('refuses segments that lie outside the frame or go backwards', () => {
    for (const offset of [10, 1000]) {
      const stream = Buffer.from(frame([[251, 7]]));
      stream.writeUInt32LE(offset, 4);
      expect(() => decodeRle(stream, eight, options)).toThrow(
        expect.objectContaining({ code: 'pixel-data-corrupt' }),
      );
    }
  });

  it('unpacks runs of every length, wherever the pieces end in which it works', async () => {
    const Columns = 9001;
    const header = pixelHeader({ Rows: 1, Columns });
    const bytesOf = (seed: number) => {
      let state = seed;
      const bytes: number[] = [];
      const packed: number[] = [];
      while (bytes.length < Columns) {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        const length = 2 + (state >>> 25);
        const run = Math.min(length, 128, Columns - bytes.length);
        const values = Array.from({ length: run }, (_, at) => ((state >>> 8) + at * 7) & 255);
        if ((state & 0x10000) === 0 || run === 1) {
          bytes.push(...values);
          packed.push(run - 1, ...values);
        } else {
          bytes.push(...values.map(() => values[0]!));
          packed.push(257 - run, values[0]!);
        }
      }
      return { bytes, packed };
    };
    const [high, low] = [bytesOf(1), bytesOf(2)];
    const samples = await decodeRle(frame([high.packed, low.packed]), header, options);
    expect([...samples.data]).toEqual(low.bytes.map((byte, at) => byte + 256 * high.bytes[at]!));
  });
});
