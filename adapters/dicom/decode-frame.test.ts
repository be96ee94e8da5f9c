import { describe, expect, it } from 'vitest';

import {
  BIG_ENDIAN,
  chestElements,
  chestFile,
  encodeElements,
  encodeFragments,
  encodeMeta,
  EXPLICIT,
  UIDS,
} from '../../test/support/build-dicom.js';
import type { Elements } from '../../test/support/build-dicom.js';
import { decodeFrame } from './decode-frame.js';
import { readDicom } from './read-dicom.js';

const options = { maxPixels: 1000 };

async function decode(file: Uint8Array, frame = 0) {
  const object = readDicom(file);
  const TransferSyntaxUID = object.header.TransferSyntaxUID;
  return decodeFrame({ ...object, TransferSyntaxUID }, frame, options);
}

function words(values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(2 * values.length);
  values.forEach((value, index) => bytes.writeUInt16LE(value & 0xffff, 2 * index));
  return bytes;
}

const shape = (columns: number, rows: number): Elements => ({
  '00280010': ['US', rows],
  '00280011': ['US', columns],
});
const bits = (allocated: number, stored: number, high: number, signed: 0 | 1): Elements => ({
  '00280100': ['US', allocated],
  '00280101': ['US', stored],
  '00280102': ['US', high],
  '00280103': ['US', signed],
});
const rgb: Elements = { '00280002': ['US', 3], '00280004': ['CS', 'RGB'] };

describe('uncompressed pixels', () => {
  it('masks overlay bits above the stored ones', async () => {
    const image = await decode(
      chestFile({ ...shape(2, 1), '7fe00010': ['OW', words([0xf123, 0x0fff])] }),
    );
    expect(image.pixels).toEqual(Uint16Array.of(0x123, 0xfff));
  });

  it('shifts pixels that do not begin at bit 0', async () => {
    const image = await decode(
      chestFile({
        ...shape(2, 1),
        ...bits(16, 12, 15, 0),
        '7fe00010': ['OW', words([0x123f, 0xfff0])],
      }),
    );
    expect(image.pixels).toEqual(Uint16Array.of(0x123, 0xfff));
  });

  it('extends the sign of stored bits, also under overlay bits', async () => {
    const image = await decode(
      chestFile({
        ...shape(3, 1),
        ...bits(16, 12, 11, 1),
        '7fe00010': ['OW', words([0x0fff, 0xf7ff, 0x0800])],
      }),
    );
    expect(image.pixels).toEqual(Int16Array.of(-1, 2047, -2048));
  });

  it('keeps 8-bit signed and 16-bit signed values', async () => {
    const eight = await decode(
      chestFile({
        ...shape(2, 1),
        ...bits(8, 8, 7, 1),
        '7fe00010': ['OB', Buffer.from([0x80, 0x7f])],
      }),
    );
    expect(eight.pixels).toEqual(Int8Array.of(-128, 127));
    const sixteen = await decode(
      chestFile({ ...shape(2, 1), ...bits(16, 16, 15, 1), '7fe00010': ['OW', words([-5, 32767])] }),
    );
    expect(sixteen.pixels).toEqual(Int16Array.of(-5, 32767));
  });

  it('reads big endian words, and bytes that big endian words have swapped', async () => {
    const file = (elements: Elements) =>
      Buffer.concat([
        encodeMeta(UIDS.ExplicitVRBigEndian),
        encodeElements(chestElements(elements), BIG_ENDIAN),
      ]);
    const wide = await decode(
      file({ ...shape(2, 1), '7fe00010': ['OW', words([0x123, 0x456]).swap16()] }),
    );
    expect(wide.pixels).toEqual(Uint16Array.of(0x123, 0x456));
    const narrow = await decode(
      file({
        ...shape(3, 1),
        ...bits(8, 8, 7, 0),
        '7fe00010': ['OW', Buffer.from([2, 1, 0, 3])],
      }),
    );
    expect(narrow.pixels).toEqual(Uint8Array.of(1, 2, 3));
  });

  it('unpacks pixels of one bit, least significant first', async () => {
    const image = await decode(
      chestFile({
        ...shape(9, 1),
        ...bits(1, 1, 0, 0),
        '7fe00010': ['OB', Buffer.from([0b10000110, 0b1])],
      }),
    );
    expect(image.pixels).toEqual(Uint8Array.of(0, 1, 1, 0, 0, 0, 0, 1, 1));
  });

  it('picks the frame asked for and refuses one that is not there', async () => {
    const file = chestFile({
      ...shape(2, 1),
      '00280008': ['IS', '2'],
      '7fe00010': ['OW', words([1, 2, 3, 4])],
    });
    expect((await decode(file, 1)).pixels).toEqual(Uint16Array.of(3, 4));
    await expect(decode(file, 2)).rejects.toMatchObject({ code: 'pixel-data-corrupt' });
  });

  it.each([
    ['interleaved', 0, [255, 0, 0, 9, 9, 9]],
    ['planar', 1, [255, 9, 0, 9, 0, 9]],
  ])('turns %s RGB into luminance and says so', async (_, planar, bytes) => {
    const image = await decode(
      chestFile({
        ...shape(2, 1),
        ...rgb,
        ...bits(8, 8, 7, 0),
        '00280006': ['US', planar],
        '7fe00010': ['OB', Buffer.from(bytes)],
      }),
    );
    expect(image.pixels).toEqual(Uint8Array.of(76, 9));
    expect(image.fromColour).toBe(true);
    expect(image.header).toMatchObject({
      SamplesPerPixel: 1,
      PhotometricInterpretation: 'MONOCHROME2',
    });
  });

  it('takes Y of YBR_FULL_422', async () => {
    const image = await decode(
      chestFile({
        ...shape(2, 1),
        '00280002': ['US', 3],
        '00280004': ['CS', 'YBR_FULL_422'],
        ...bits(8, 8, 7, 0),
        '7fe00010': ['OB', Buffer.from([10, 20, 128, 128])],
      }),
    );
    expect(image.pixels).toEqual(Uint8Array.of(10, 20));
  });

  it('looks a palette up and clamps indices outside it', async () => {
    const table = (values: number[]): Elements[string] => ['OW', words(values)];
    const image = await decode(
      chestFile({
        ...shape(4, 1),
        ...bits(8, 8, 7, 0),
        '00280004': ['CS', 'PALETTE COLOR'],
        '00281101': ['US', [2, 10, 8]],
        '00281102': ['US', [2, 10, 8]],
        '00281103': ['US', [2, 10, 8]],
        '00281201': table([0, 255]),
        '00281202': table([0, 0]),
        '00281203': table([100, 255]),
        '7fe00010': ['OB', Buffer.from([0, 10, 11, 200])],
      }),
    );
    expect(image.pixels).toEqual(Uint8Array.of(11, 11, 105, 105));
    expect(image.fromColour).toBe(true);
  });

  it('refuses Pixel Data shorter than Rows x Columns', async () => {
    await expect(decode(chestFile({ '7fe00010': ['OW', Buffer.alloc(22)] }))).rejects.toMatchObject(
      { code: 'pixel-data-corrupt' },
    );
  });

  it('refuses declared dimensions over the limit before it touches the pixels', async () => {
    await expect(decode(chestFile(shape(65535, 65535)))).rejects.toMatchObject({
      code: 'image-too-large',
    });
  });
});

describe('encapsulated pixels', () => {
  const encapsulated = (TransferSyntaxUID: string, fragments: Uint8Array[], elements: Elements) => {
    const header = Object.entries(chestElements(elements)).filter(([tag]) => tag !== '7fe00010');
    return Buffer.concat([
      encodeMeta(TransferSyntaxUID),
      encodeElements(Object.fromEntries(header), EXPLICIT),
      encodeFragments(fragments),
    ]);
  };

  it('refuses an unknown transfer syntax, and one whose Pixel Data contradicts it', async () => {
    const fragments = [Buffer.alloc(4)];
    await expect(decode(encapsulated('1.2.840.10008.1.2.4.100', fragments, {}))).rejects.toThrow(
      expect.objectContaining({ code: 'transfer-syntax-unsupported' }),
    );
    await expect(
      decode(encapsulated(UIDS.ExplicitVRLittleEndian, fragments, {})),
    ).rejects.toMatchObject({ code: 'pixel-data-corrupt' });
  });

  it('refuses Pixel Data without fragments', async () => {
    await expect(decode(encapsulated(UIDS.JPEGBaseline8Bit, [], {}))).rejects.toMatchObject({
      code: 'pixel-data-corrupt',
    });
  });
});
