import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { holdSamples, sampleRange } from './sample-range.js';

const samples = fc.record({
  bits: fc.uint16Array({ minLength: 1, maxLength: 50 }),
  signed: fc.boolean(),
});
const parameters = { seed: 20240503, numRuns: 500 };

/** The numbers that 16 bits mean. */
function numbers(bits: Uint16Array, signed: boolean): number[] {
  return Array.from(bits, (value) => (signed ? (value << 16) >> 16 : value));
}

describe('sampleRange', () => {
  it('gives the lowest and the highest sample', () => {
    fc.assert(
      fc.property(samples, ({ bits, signed }) => {
        const values = numbers(bits, signed);
        const range = { min: Math.min(...values), max: Math.max(...values) };
        expect(sampleRange(bits, signed)).toEqual(range);
      }),
      parameters,
    );
  });

  it('refuses no samples', () => {
    expect(() => sampleRange(new Uint16Array(0), false)).toThrow(RangeError);
  });
});

describe('holdSamples', () => {
  it('holds samples between two values', () => {
    fc.assert(
      fc.property(samples, fc.integer({ min: 1, max: 16 }), ({ bits, signed }, stored) => {
        const min = signed ? -(2 ** (stored - 1)) : 0;
        const max = 2 ** (signed ? stored - 1 : stored) - 1;
        const held = numbers(bits, signed).map((value) => Math.min(max, Math.max(min, value)));
        expect([...holdSamples(bits, signed, { min, max })]).toEqual(held);
      }),
      parameters,
    );
  });
});
