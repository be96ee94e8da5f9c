import { describe, expect, it } from 'vitest';

import { codestreamOf } from './codestream.js';
import { readPackets } from './jpeg2000-packets.js';
import type { PlainCoding } from './jpeg2000-plain.js';

/** One packet that holds nothing. */
const EMPTY = codestreamOf(Uint8Array.of(0));
const SIZE = { width: 100, height: 70 };

function coding(changes: Partial<PlainCoding> = {}): PlainCoding {
  return {
    ...{
      wavelet: '5/3',
      decompositions: 1,
      progression: 'LRCP',
      layers: 1,
      blockCoder: 'arithmetic',
    },
    ...{ blockWidth: 6, blockHeight: 6, packetEnds: false, guardBits: 2, bodies: [] },
    precincts: [
      [15, 15],
      [15, 15],
    ],
    steps: new Array(4).fill({ exponent: 8, mantissa: 0 }),
    ...changes,
  };
}

describe('readPackets', () => {
  it('finds the code of a block, its planes and its passes', () => {
    // Not empty; included; planes 9 less two of zeros; 5 passes; Lblock 3; a length of 5 bits. Then an empty packet.
    const bits = ['1', '1', '001', '1110', '0', '00010'].join('');
    const header = Number.parseInt(bits.padEnd(16, '0'), 2);
    const data = codestreamOf(Uint8Array.of(header >> 8, header & 0xff, 0xaa, 0xbb, 0x00));
    const [lowest, highest] = readPackets(data, coding(), SIZE, 2) ?? [];
    expect(lowest).toMatchObject({ width: 50, height: 35 });
    expect(lowest?.bands.map(({ kind, blocks }) => ({ kind, blocks }))).toMatchObject([
      {
        kind: 'LL',
        blocks: [{ x: 0, y: 0, width: 50, height: 35, planes: 7, passes: 5 }],
      },
    ]);
    expect(lowest?.bands[0]?.blocks[0]?.chunks).toEqual([{ offset: 2, length: 2 }]);
    expect(highest?.bands.map(({ kind, width, height }) => [kind, width, height])).toEqual([
      ['HL', 50, 35],
      ['LH', 50, 35],
      ['HH', 50, 35],
    ]);
  });

  it('leaves code-blocks of high throughput with more than one pass, or without code, to others', () => {
    const blockCoder = 'high-throughput';
    const read = (passes: string, length = '010') => {
      const bits = ['1', '1', '001', passes, '0', length].join('');
      const header = Number.parseInt(bits.padEnd(16, '0'), 2);
      const data = codestreamOf(Uint8Array.of(header >> 8, header & 0xff, 0xaa, 0xbb));
      return readPackets(data, coding({ blockCoder }), SIZE, 1);
    };
    expect(read('0')?.[0]?.bands[0]?.blocks).toMatchObject([{ planes: 7, passes: 1 }]);
    expect(read('10')).toBeUndefined();
    expect(read('0', '001')).toBeUndefined();
  });

  it('reads no packets of resolutions that nobody wants, where they come last', () => {
    expect(readPackets(EMPTY, coding(), SIZE, 1)).toHaveLength(1);
    expect(() => readPackets(EMPTY, coding(), SIZE, 2)).toThrow(
      expect.objectContaining({ code: 'pixel-data-corrupt' }),
    );
  });

  it.each([
    [
      'precincts',
      {
        precincts: [
          [1, 1],
          [1, 1],
        ],
      },
      1000,
    ],
    ['code-blocks', { blockWidth: 2, blockHeight: 2 }, 8000],
    [
      'packets',
      {
        layers: 65_535,
        precincts: [
          [5, 5],
          [5, 5],
        ],
      },
      200,
    ],
    ['visits of code-blocks', { layers: 60_000 }, 2000],
  ] as const)('leaves streams with too many %s to others', (_, changes, side) => {
    const size = { width: side, height: side };
    expect(readPackets(codestreamOf(new Uint8Array(10)), coding(changes), size, 2)).toBeUndefined();
  });
});
