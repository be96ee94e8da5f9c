import { deflateRawSync } from 'node:zlib';

import { describe, expect, it } from 'vitest';

import {
  BIG_ENDIAN,
  chestElements,
  chestFile,
  encodeElements,
  encodeFragments,
  encodeMeta,
  EXPLICIT,
  IMPLICIT,
  UIDS,
} from '../../test/support/build-dicom.js';
import { readDicom, readIdentity } from './read-dicom.js';

const withoutPixels = Object.fromEntries(
  Object.entries(chestElements()).filter(([tag]) => tag !== '7fe00010'),
);

describe('readIdentity', () => {
  it('asks for more until the prefix reaches Pixel Data, and then gives the same answer', () => {
    const file = chestFile();
    const whole = readIdentity(file, true);
    expect(whole).toMatchObject({
      kind: 'identified',
      identity: { SOPInstanceUID: '1.2.3.4.5', StudyInstanceUID: '1.2.3' },
      header: { Modality: 'CR', BodyPartExamined: 'CHEST', ViewPosition: 'PA' },
    });
    const answers = new Set<string>();
    for (let length = 0; length < file.length; length += 1) {
      const result = readIdentity(file.subarray(0, length), false);
      answers.add(result.kind);
      if (result.kind === 'identified') {
        expect(result).toEqual(whole);
        expect(length).toBeGreaterThanOrEqual(file.length - 24);
      }
    }
    expect(answers).toEqual(new Set(['need-more', 'identified']));
  });

  it.each(['00080016', '00080018', '0020000d', '0020000e'])(
    'refuses an object without %s',
    (tag) => {
      const file = chestFile({ [tag]: ['UI', ''] });
      expect(() => readIdentity(file, true)).toThrow(
        expect.objectContaining({ code: 'attribute-missing' }),
      );
    },
  );

  it('does not put the value of an invalid UID into the message', () => {
    const file = chestFile({ '0020000d': ['UI', '1.2.0003.NGUYEN'] });
    expect(() => readIdentity(file, true)).toThrow(/^StudyInstanceUID is missing or not/);
  });

  it('refuses bytes that are not DICOM, at once when there are enough of them', () => {
    expect(() => readIdentity(Buffer.alloc(200, 0x41), false)).toThrow(
      expect.objectContaining({ code: 'dicom-unreadable' }),
    );
    expect(() => readIdentity(Buffer.alloc(0), true)).toThrow(
      expect.objectContaining({ code: 'dicom-unreadable' }),
    );
  });

  it('reads an object whose header holds VRs that dicom-parser does not know', () => {
    const file = chestFile({
      '00189999': ['OV', Buffer.alloc(16, 7)],
      '0018999a': ['SV', Buffer.alloc(8)],
    });
    expect(readIdentity(file, true)).toMatchObject({ header: { ViewPosition: 'PA' } });
  });

  it('finds the order priority inside Request Attributes Sequence', () => {
    const file = chestFile({ '00400275': ['SQ', [{ '00401003': ['SH', 'STAT'] }]] });
    expect(readIdentity(file, true)).toMatchObject({
      header: { RequestedProcedurePriority: 'STAT' },
    });
  });
});

describe('readDicom', () => {
  const pixels = (file: Uint8Array, bare = false) => {
    const { pixelData } = readDicom(file, { bare });
    return pixelData.kind === 'native' ? Buffer.from(pixelData.bytes).toString('hex') : 'none';
  };
  const expected = pixels(chestFile());

  it('reads implicit, deflated and explicit little endian alike', () => {
    const dataSet = encodeElements(chestElements(), EXPLICIT);
    expect(
      pixels(
        Buffer.concat([
          encodeMeta(UIDS.ImplicitVRLittleEndian),
          encodeElements(chestElements(), IMPLICIT),
        ]),
      ),
    ).toBe(expected);
    expect(
      pixels(
        Buffer.concat([encodeMeta(UIDS.DeflatedExplicitVRLittleEndian), deflateRawSync(dataSet)]),
      ),
    ).toBe(expected);
  });

  it('reads explicit big endian', () => {
    const file = Buffer.concat([
      encodeMeta(UIDS.ExplicitVRBigEndian),
      encodeElements(chestElements(), BIG_ENDIAN),
    ]);
    const object = readDicom(file);
    expect(object.pixels).toMatchObject({ Rows: 3, Columns: 4, BitsStored: 12 });
    expect(object.pixelData).toMatchObject({ kind: 'native', bigEndian: true });
  });

  it.each([
    ['explicit little endian', EXPLICIT],
    ['implicit', IMPLICIT],
    ['big endian', BIG_ENDIAN],
  ])('guesses %s when preamble and meta are missing, only where that is allowed', (_, encoding) => {
    const file = encodeElements(chestElements(), encoding);
    expect(readDicom(file, { bare: true }).pixels.Columns).toBe(4);
    expect(() => readDicom(file)).toThrow(expect.objectContaining({ code: 'dicom-unreadable' }));
  });

  it('refuses a deflated data set that inflates beyond the limit', () => {
    const bomb = deflateRawSync(Buffer.alloc(1_000_000));
    const file = Buffer.concat([encodeMeta(UIDS.DeflatedExplicitVRLittleEndian), bomb]);
    expect(() => readDicom(file, { maxInflatedBytes: 100_000 })).toThrow(/exceeds the size limit/);
  });

  it('says truncated for every cut through the header and the pixels', () => {
    const file = chestFile();
    const codes = new Map<string, number>();
    for (let length = 300; length < file.length; length += 1) {
      try {
        readDicom(file.subarray(0, length));
        codes.set('read', length);
      } catch (error) {
        const { code } = error as { code: string };
        codes.set(code, (codes.get(code) ?? 0) + 1);
      }
    }
    // A cut between two elements leaves a readable object that lacks what follows.
    expect([...codes.keys()].sort()).toEqual(['dicom-truncated', 'pixel-data-missing']);
  });

  it('refuses Pixel Data whose delimiter or fragment is cut off, and damaged fragments', () => {
    const head = Buffer.concat([
      encodeMeta(UIDS.JPEGBaseline8Bit),
      encodeElements(withoutPixels, EXPLICIT),
    ]);
    const fragments = [Buffer.from([1, 2, 3, 4])];
    const whole = Buffer.concat([head, encodeFragments(fragments)]);
    expect(readDicom(whole).pixelData).toMatchObject({ kind: 'encapsulated', fragments });
    for (let cut = 1; cut < 20; cut += 1) {
      expect(() => readDicom(whole.subarray(0, whole.length - cut))).toThrow(
        expect.objectContaining({ code: 'dicom-truncated' }),
      );
    }
    const damaged = Buffer.from(whole);
    damaged.writeUInt16LE(0x1234, whole.length - 8);
    expect(() => readDicom(damaged)).toThrow(
      expect.objectContaining({ code: 'pixel-data-corrupt' }),
    );
  });

  it.each([
    ['BitsAllocated 32', { '00280100': ['US', 32] }, 'pixel-format-unsupported'],
    ['HighBit below BitsStored - 1', { '00280102': ['US', 5] }, 'attribute-missing'],
    ['Rows 0', { '00280010': ['US', 0] }, 'attribute-missing'],
    ['a rescale slope that is no number', { '00281053': ['DS', '1,5'] }, 'attribute-missing'],
    ['a rescale slope of 0', { '00281053': ['DS', '0'] }, 'attribute-missing'],
  ] as const)('refuses %s', (_, overrides, code) => {
    expect(() => readDicom(chestFile(overrides))).toThrow(expect.objectContaining({ code }));
  });

  it('reads windows, padding, LUTs and spacing', () => {
    const { pixels: header } = readDicom(
      chestFile({
        '00181164': ['DS', '0.2\\0.1'],
        '00280103': ['US', 1],
        '00280120': ['SS', -2000],
        '00281050': ['DS', '40\\600 '],
        '00281051': ['DS', '400\\0'],
        '00281052': ['DS', '-1024'],
        '00281056': ['CS', 'SIGMOID'],
        '00283010': [
          'SQ',
          [{ '00283002': ['US', [2, 0xfffe, 8]], '00283006': ['OW', Buffer.from([7, 200])] }],
        ],
      }),
    );
    expect(header).toMatchObject({
      pixelAspectRatio: 2,
      PixelPaddingValue: -2000,
      RescaleIntercept: -1024,
      windows: [{ center: 40, width: 400, function: 'SIGMOID' }],
      voiLut: { firstMapped: -2, bits: 8, entries: Uint16Array.of(7, 200) },
    });
  });
});
