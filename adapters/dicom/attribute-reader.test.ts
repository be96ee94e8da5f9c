import { describe, expect, it } from 'vitest';

import {
  BIG_ENDIAN,
  chestElements,
  chestFile,
  encodeElements,
  encodeMeta,
  EXPLICIT,
  IMPLICIT,
  UIDS,
  type Elements,
} from '../../test/support/build-dicom.js';
import { readDicomHeader } from './read-dicom.js';

const MORE: Elements = {
  '00080005': ['CS', 'ISO_IR 192'],
  '00081010': ['SH', Buffer.from('Phòng 3 ')],
  '00080008': ['CS', 'DERIVED\\SECONDARY'],
  '00081111': ['SQ', [{ '00080100': ['SH', 'A'] }, { '00080100': ['SH', 'B'] }, {}]],
  '00181000': ['LO', ''],
  '00280120': ['SS', -5],
};

function readerOf(encoding: typeof EXPLICIT, syntax: string, more = MORE) {
  const bytes = Buffer.concat([
    encodeMeta(syntax),
    encodeElements({ ...chestElements(), ...more }, encoding),
  ]);
  return readDicomHeader(bytes).readAttribute;
}

const step = (tag: string, vr?: string) => ({ tag, vr });

describe('createAttributeReader', () => {
  it.each([
    ['explicit', EXPLICIT, UIDS.ExplicitVRLittleEndian],
    ['implicit', IMPLICIT, UIDS.ImplicitVRLittleEndian],
    ['big endian', BIG_ENDIAN, UIDS.ExplicitVRBigEndian],
  ])('reads text, numbers and items, %s', (_, encoding, syntax) => {
    const read = readerOf(encoding, syntax);
    expect(read([step('00081010', 'SH')])).toEqual(['Phòng 3']);
    expect(read([step('00080008', 'CS')])).toEqual(['DERIVED', 'SECONDARY']);
    expect(read([step('00280120', 'SS')])).toEqual(['-5']);
    expect(read([step('00281234', 'US')])).toEqual([]);
    expect(read([step('00181000', 'LO')])).toEqual([]);
    expect(read([step('00081111', 'SQ'), step('00080100', 'SH')])).toEqual(['A', 'B']);
    expect(read([step('00081111', 'SQ')])).toHaveLength(3);
    expect(read([step('00020010', 'UI')])).toEqual([syntax]);
  });

  it.each([
    ['ISO_IR 166', Buffer.from([0xa1, 0xa2]), 'กข'],
    ['ISO_IR 100', Buffer.from([0xe9]), 'é'],
    ['GB18030', Buffer.from([0xd0, 0xd8]), '胸'],
    ['unknown', Buffer.from('plain'), 'plain'],
  ])('reads text of the character set %s', (charset, bytes, expected) => {
    const read = readerOf(EXPLICIT, UIDS.ExplicitVRLittleEndian, {
      '00080005': ['CS', charset],
      '00081010': ['SH', bytes],
    });
    expect(read([step('00081010', 'SH')])).toEqual([expected]);
  });

  it('reads nothing of pixels', () => {
    const { readAttribute } = readDicomHeader(chestFile());
    expect(readAttribute([step('7FE00010', 'OW')]).length).toBeLessThanOrEqual(1);
    expect(readAttribute([])).toEqual([]);
  });
});
