import type { DataSet } from 'dicom-parser';

import type { LookupTable } from '../../core/dicom/instance-header.js';
import { PipelineError } from '../../core/errors.js';
import { readBytes, readUint16 } from './attributes.js';
import type { Keyword } from './attributes.js';

/**
 * A LUT Descriptor with its LUT Data. Source: PS3.3 C.11.1.1.1: number of entries (0 means 65536), first
 * stored value mapped (signed where the values that enter are), bits of an entry.
 *
 * Entries of 8 bits come two in a word or, in real files, one in a word; the length tells.
 * Undefined when the descriptor is absent; throws `attribute-missing` when the table is inconsistent.
 */
export function readLookupTable(
  dataSet: DataSet,
  descriptor: Keyword,
  data: Keyword,
  signedInput: boolean,
): LookupTable | undefined {
  const count = readUint16(dataSet, descriptor, 0);
  if (count === undefined) {
    return undefined;
  }
  const first = readUint16(dataSet, descriptor, 1);
  const bits = readUint16(dataSet, descriptor, 2);
  const bytes = readBytes(dataSet, data);
  if (first === undefined || bits === undefined || bits < 1 || bits > 16 || bytes === undefined) {
    throw new PipelineError('attribute-missing', `${descriptor} or ${data} is not valid.`);
  }
  const entries = new Uint16Array(count === 0 ? 65536 : count);
  const { byteArrayParser } = dataSet;
  if (bytes.length >= 2 * entries.length) {
    for (let index = 0; index < entries.length; index += 1) {
      entries[index] = byteArrayParser.readUint16(bytes, 2 * index);
    }
  } else if (bits <= 8 && bytes.length >= entries.length && bytes.length % 2 === 0) {
    for (let index = 0; index < entries.length; index += 1) {
      const word = byteArrayParser.readUint16(bytes, index - (index % 2));
      entries[index] = index % 2 === 0 ? word & 0xff : word >> 8;
    }
  } else {
    throw new PipelineError('attribute-missing', `${data} is shorter than ${descriptor} says.`);
  }
  return { firstMapped: signedInput ? (first << 16) >> 16 : first, bits, entries };
}
