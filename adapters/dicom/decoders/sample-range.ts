import { withKernel } from '../../../core/kernel/kernel.js';

/** Samples of 16 bits, signed or not, whatever the array says. */
type Words = Uint16Array | Int16Array;

export interface SampleRange {
  readonly min: number;
  readonly max: number;
}

/** Lowest and highest sample, in the kernel because loops over arrays of several types are slow. Throws RangeError for none. */
export function sampleRange(samples: Words, signed: boolean): SampleRange {
  if (samples.length === 0) {
    throw new RangeError('no samples');
  }
  return withKernel((kernel) => {
    const at = kernel.allocate(samples.byteLength);
    const ends = kernel.allocate(8);
    kernel.uint16(at, samples.length).set(samples);
    kernel.exports.samples_range(at, samples.length, signed ? 1 : 0, ends);
    const [min = 0, max = 0] = kernel.int32(ends, 2);
    return { min, max };
  });
}

/** Holds samples between two values, in place. */
export function holdSamples(samples: Words, signed: boolean, { min, max }: SampleRange): Words {
  return withKernel((kernel) => {
    const { length } = samples;
    const at = kernel.allocate(samples.byteLength);
    kernel.uint16(at, length).set(samples);
    kernel.exports.samples_hold(at, length, signed ? 1 : 0, min, max);
    const held = signed
      ? new Int16Array(samples.buffer, samples.byteOffset, length)
      : new Uint16Array(samples.buffer, samples.byteOffset, length);
    held.set(signed ? kernel.int16(at, length) : kernel.uint16(at, length));
    return held;
  });
}
