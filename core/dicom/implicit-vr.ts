import { LONG_VRS } from './elements.js';

export const IMPLICIT_VR_LITTLE_ENDIAN = '1.2.840.10008.1.2';

/**
 * A data set of `encodeDataSet` in Implicit VR Little Endian, for peers that take nothing else; all its
 * lengths are explicit. Source: PS3.5 7.1.3, A.1.
 *
 * @throws RangeError for bytes that `encodeDataSet` has not made
 */
export function toImplicitVr(dataSet: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < dataSet.length;) {
    const vr = dataSet.toString('latin1', at + 4, at + 6);
    const long = LONG_VRS.has(vr);
    const length = long ? dataSet.readUInt32LE(at + 8) : dataSet.readUInt16LE(at + 6);
    const start = at + (long ? 12 : 8);
    const value = dataSet.subarray(start, start + length);
    if (value.length < length) {
      throw new RangeError('the data set ends too early');
    }
    parts.push(...withLength(dataSet.subarray(at, at + 4), vr === 'SQ' ? items(value) : value));
    at = start + length;
  }
  return Buffer.concat(parts);
}

function items(sequence: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < sequence.length;) {
    const end = at + 8 + sequence.readUInt32LE(at + 4);
    parts.push(
      ...withLength(sequence.subarray(at, at + 4), toImplicitVr(sequence.subarray(at + 8, end))),
    );
    at = end;
  }
  return Buffer.concat(parts);
}

function withLength(tag: Buffer, value: Buffer): [Buffer, Buffer, Buffer] {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(value.length);
  return [tag, length, value];
}
