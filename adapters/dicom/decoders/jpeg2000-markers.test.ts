import { describe, expect, it } from 'vitest';

import { codestreamOf } from './codestream.js';
import { readJpeg2000 } from './jpeg2000-markers.js';

interface Codestream {
  readonly components?: readonly number[];
  readonly tileWidth?: number;
  readonly tiles?: readonly { readonly tile: number; readonly announced: number }[];
  readonly lengthOfLast?: number;
  readonly tail?: readonly number[];
  /** Segments behind COD. */
  readonly more?: readonly number[];
}

/** Quantisation without steps: exponents of 16 bands. */
const QCD = [0xff, 0x5c, 0, 19, 0x40, ...new Array<number>(16).fill(0x68)];

/** Markers of a 16 x 8 image, with four bytes of data in every tile-part. */
function codestream({
  components = [0x0b],
  tileWidth = 16,
  tiles = [{ tile: 0, announced: 1 }],
  lengthOfLast,
  tail = [0xff, 0xd9],
  more = [],
}: Codestream = {}): Buffer {
  const siz = Buffer.alloc(40 + 3 * components.length);
  siz.writeUInt16BE(0xff51, 0);
  siz.writeUInt16BE(siz.length - 2, 2);
  [16, 8, 0, 0, tileWidth, 8, 0, 0].forEach((value, index) =>
    siz.writeUInt32BE(value, 6 + 4 * index),
  );
  siz.writeUInt16BE(components.length, 38);
  components.forEach((depth, index) => {
    siz.set([depth, 1, 1], 40 + 3 * index);
  });
  const cod = Buffer.from([0xff, 0x52, 0, 12, 0, 0, 0, 1, 1, 5, 4, 4, 0, 1]);
  const parts = tiles.map(({ tile, announced }, index) => {
    const part = Buffer.alloc(18);
    part.set([0xff, 0x90, 0, 10]);
    part.writeUInt16BE(tile, 4);
    const last = index === tiles.length - 1;
    part.writeUInt32BE(last ? (lengthOfLast ?? part.length) : part.length, 6);
    part.set([0, announced, 0xff, 0x93, 1, 2, 3, 4], 10);
    return part;
  });
  return Buffer.concat([
    Buffer.from([0xff, 0x4f]),
    siz,
    cod,
    Buffer.from(more),
    ...parts,
    Buffer.from(tail),
  ]);
}

const headerOf = (stream: Uint8Array) => readJpeg2000(codestreamOf(stream));
const corrupt = expect.objectContaining({ code: 'pixel-data-corrupt' }) as Error;

describe('readJpeg2000', () => {
  it('reads the main header', () => {
    expect(headerOf(codestream())).toEqual({
      width: 16,
      height: 8,
      components: 1,
      precision: 12,
      signFlags: [],
      colourTransform: true,
      wavelet: '5/3',
      halvings: 5,
    });
  });

  it('finds the sign flag, also inside a JP2 file', () => {
    const stream = codestream({ components: [0x8b] });
    const [flag] = headerOf(stream).signFlags;
    expect(stream[flag ?? -1]).toBe(0x8b);
    const signature = Buffer.from('0000000c6a5020200d0a870a', 'hex');
    const box = Buffer.from('000000006a703263', 'hex');
    const file = Buffer.concat([signature, box, stream]);
    const [flagInFile] = headerOf(file).signFlags;
    expect(file[flagInFile ?? -1]).toBe(0x8b);
  });

  it('reads how a plain image is coded', () => {
    const stream = codestream({ more: QCD });
    const { plain } = headerOf(stream);
    expect(plain).toMatchObject({
      ...{ wavelet: '5/3', decompositions: 5, progression: 'LRCP', layers: 1 },
      ...{ blockWidth: 6, blockHeight: 6, packetEnds: false, guardBits: 2 },
      bodies: [{ offset: stream.length - 6, length: 4 }],
    });
    expect(plain?.precincts).toEqual(new Array(6).fill([15, 15]));
    expect(plain?.steps).toEqual(new Array(16).fill({ exponent: 13, mantissa: 0 }));
  });

  it.each([
    ['colour', { components: [0x0b, 0x0b, 0x0b], more: QCD }],
    [
      'several tiles',
      { tileWidth: 8, tiles: [0, 1].map((tile) => ({ tile, announced: 1 })), more: QCD },
    ],
    ['no quantisation', {}],
    ['quantisation of a component', { more: [...QCD, 0xff, 0x5d, 0, 4, 0, 0x40] }],
    ['a region of interest', { more: [...QCD, 0xff, 0x5e, 0, 5, 0, 0, 3] }],
    ['packed packet headers', { more: [...QCD, 0xff, 0x60, 0, 3, 0] }],
    ['steps for the reversible wavelet', { more: [0xff, 0x5c, 0, 5, 0x41, 0x68, 0x00] }],
    ['exponents that are missing', { more: [...QCD.slice(0, 3), 10, ...QCD.slice(4, 12)] }],
  ])('says that %s is not plain', (_, parts: Codestream) => {
    expect(headerOf(codestream(parts)).plain).toBeUndefined();
  });

  it('takes a last tile-part of length 0 to the end', () => {
    expect(headerOf(codestream({ lengthOfLast: 0 })).width).toBe(16);
  });

  it('reads past padding', () => {
    for (const length of [3, 1021, 1022, 1023, 1024, 3000]) {
      for (const fill of [0x00, 0xff]) {
        const tail = [0xff, 0xd9, ...new Array<number>(length).fill(fill)];
        expect(headerOf(codestream({ tail })).width).toBe(16);
      }
    }
  });

  it('refuses every cut', () => {
    const stream = codestream({
      tileWidth: 8,
      tiles: [
        { tile: 0, announced: 2 },
        { tile: 1, announced: 1 },
        { tile: 0, announced: 2 },
      ],
    });
    expect(headerOf(stream).width).toBe(16);
    for (let length = 0; length < stream.length; length += 1) {
      expect(() => headerOf(stream.subarray(0, length))).toThrow(corrupt);
    }
  });

  it.each([
    ['no EOC, filled with zeros', { tail: [0, 0] }],
    ['a tile-part longer than the stream', { lengthOfLast: 500 }],
    ['a tile-part shorter than its header', { lengthOfLast: 4 }],
    ['a missing tile', { tileWidth: 8 }],
    ['a missing tile-part', { tiles: [{ tile: 0, announced: 2 }] }],
    ['bytes that are no marker', { tail: [1, 2, 0xff, 0xd9] }],
  ])('refuses %s', (_, parts) => {
    expect(() => headerOf(codestream(parts))).toThrow(corrupt);
  });

  it('refuses more than 16 bits and components of different depth', () => {
    for (const components of [[0x10], [0x07, 0x0b]]) {
      expect(() => headerOf(codestream({ components }))).toThrow(
        expect.objectContaining({ code: 'pixel-format-unsupported' }),
      );
    }
  });
});
