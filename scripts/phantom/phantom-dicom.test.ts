import dicomParser from 'dicom-parser';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';

import type { RadiographDescription } from './chest-header.js';
import { encodeJpegBaseline } from './jpeg-baseline.js';
import { decimalString, encodePart10 } from './part10.js';
import {
  chestRadiograph,
  EXPLICIT_VR_LITTLE_ENDIAN,
  IMPLICIT_VR_LITTLE_ENDIAN,
  JPEG_BASELINE_8BIT,
  wrapGreyImage,
} from './phantom-dicom.js';
import { uidFromName } from '../../core/dicom/uid.js';

const Rows = 24;
const Columns = 16;
const pixels = Uint16Array.from({ length: Rows * Columns }, (_, index) => (index * 37) % 4096);
const image = { Rows, Columns, BitsStored: 12, pixels };
const description: RadiographDescription = {
  kind: 'DX',
  view: 'PA',
  patient: {
    PatientName: 'Nguyễn^Văn An',
    PatientID: 'PHANTOM-1',
    PatientSex: 'M',
    PatientBirthDate: '19710203',
    PatientAge: '054Y',
  },
  StudyInstanceUID: uidFromName('test', 'study'),
  SeriesInstanceUID: uidFromName('test', 'series'),
  SOPInstanceUID: uidFromName('test', 'instance'),
  AccessionNumber: 'A1',
  SeriesNumber: 1,
  InstanceNumber: 1,
  date: '20250301',
  time: '101500',
  imagerPixelSpacingMm: 0.390625,
  windowCenter: 2048,
  windowWidth: 4096,
};

function storedValues(dataSet: dicomParser.DataSet): Uint16Array {
  const element = dataSet.elements['x7fe00010'];
  if (element === undefined) throw new Error('no Pixel Data');
  const start = dataSet.byteArray.byteOffset + element.dataOffset;
  return new Uint16Array(dataSet.byteArray.buffer.slice(start, start + element.length));
}

describe('chestRadiograph', () => {
  it.each([EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN] as const)(
    'is read back by dicom-parser as written, in %s',
    (TransferSyntaxUID) => {
      const dataSet = dicomParser.parseDicom(
        chestRadiograph(image, description, {}, TransferSyntaxUID),
      );
      expect(dataSet.string('x00020010')).toBe(TransferSyntaxUID);
      expect(dataSet.string('x00020003')).toBe(description.SOPInstanceUID);
      expect(dataSet.string('x00080016')).toBe('1.2.840.10008.5.1.4.1.1.1.1');
      expect(dataSet.string('x0020000d')).toBe(description.StudyInstanceUID);
      expect(dataSet.string('x00185101')).toBe('PA');
      expect(dataSet.string('x00200020')).toBe('L\\F');
      expect(dataSet.string('x00181164')).toBe('0.390625\\0.390625');
      expect(dataSet.uint16('x00280010')).toBe(Rows);
      expect(dataSet.uint16('x00280101')).toBe(12);
      expect(dataSet.uint16('x00280102')).toBe(11);
      expect(storedValues(dataSet)).toEqual(pixels);
    },
  );

  it('writes the patient name in UTF-8 and says so', () => {
    const dataSet = dicomParser.parseDicom(chestRadiograph(image, description));
    const name = dataSet.elements['x00100010'];
    expect(dataSet.string('x00080005')).toBe('ISO_IR 192');
    expect(
      Buffer.from(dataSet.byteArray)
        .subarray(name?.dataOffset, (name?.dataOffset ?? 0) + (name?.length ?? 0))
        .toString('utf8')
        .trimEnd(),
    ).toBe('Nguyễn^Văn An');
  });

  it('pairs MONOCHROME1 with the Presentation LUT Shape INVERSE in DX', () => {
    const shapes = (['MONOCHROME1', 'MONOCHROME2'] as const).map((PhotometricInterpretation) =>
      dicomParser
        .parseDicom(chestRadiograph({ ...image, PhotometricInterpretation }, description))
        .string('x20500020'),
    );
    expect(shapes).toEqual(['INVERSE', 'IDENTITY']);
  });

  it('carries the priority of the order in the Request Attributes item', () => {
    const dataSet = dicomParser.parseDicom(
      chestRadiograph(image, { ...description, RequestedProcedurePriority: 'STAT' }),
    );
    const item = dataSet.elements['x00400275']?.items?.[0]?.dataSet;
    expect(item?.string('x00401003')).toBe('STAT');
  });

  it('replaces, empties and removes attributes by override', () => {
    const dataSet = dicomParser.parseDicom(
      chestRadiograph(image, description, {
        ViewPosition: 'LL',
        BodyPartExamined: null,
        WindowCenter: undefined,
      }),
    );
    expect(dataSet.string('x00185101')).toBe('LL');
    expect(dataSet.elements['x00180015']?.length).toBe(0);
    expect(dataSet.elements['x00281050']).toBeUndefined();
  });
});

describe('wrapGreyImage', () => {
  it('pads an odd number of bytes and allocates 8 bits for a byte array', () => {
    const dataSet = dicomParser.parseDicom(
      wrapGreyImage({ Rows: 3, Columns: 3, BitsStored: 8, pixels: Uint8Array.from({ length: 9 }) }),
    );
    expect(dataSet.uint16('x00280100')).toBe(8);
    expect(dataSet.elements['x7fe00010']?.length).toBe(10);
  });

  it('gives the same image the same UIDs and another image other ones', () => {
    const uid = (first: number) =>
      dicomParser
        .parseDicom(wrapGreyImage({ ...image, pixels: pixels.with(0, first) }))
        .string('x00080018');
    expect(uid(1)).toBe(uid(1));
    expect(uid(1)).not.toBe(uid(2));
  });

  it('passes a JPEG codestream through untouched and names the loss', async () => {
    const encoded = await encodeJpegBaseline(image);
    const dataSet = dicomParser.parseDicom(wrapGreyImage(encoded));
    const element = dataSet.elements['x7fe00010'];
    if (element === undefined) throw new Error('no Pixel Data');
    const frame = dicomParser.readEncapsulatedImageFrame(dataSet, element, 0);
    const codestream = encoded.frames[0] ?? new Uint8Array();
    expect(dataSet.string('x00020010')).toBe(JPEG_BASELINE_8BIT);
    expect(dataSet.string('x00282110')).toBe('01');
    expect(dataSet.string('x00282114')).toBe('ISO_10918_1');
    expect(Buffer.from(frame).subarray(0, codestream.length).equals(codestream)).toBe(true);
    expect(await sharp(codestream).metadata()).toMatchObject({
      width: Columns,
      height: Rows,
      channels: 1,
      isProgressive: false,
    });
  });

  it('refuses pixels that do not fill the image', () => {
    expect(() => wrapGreyImage({ ...image, Rows: Rows + 1 })).toThrow(RangeError);
  });
});

describe('encodePart10', () => {
  it('refuses what dcmjs would only warn of', () => {
    const write = (attributes: Parameters<typeof encodePart10>[0]) =>
      encodePart10(attributes, undefined, EXPLICIT_VR_LITTLE_ENDIAN);
    expect(() => write({ PatientNmae: 'x' })).toThrow(/no DICOM attribute/);
    expect(() => write({ AccessionNumber: 'x'.repeat(17) })).toThrow(/longer/);
    expect(() =>
      encodePart10({}, { kind: 'encapsulated', frames: [] }, EXPLICIT_VR_LITTLE_ENDIAN),
    ).toThrow(/does not fit/);
  });

  it('keeps decimal strings within 16 characters', () => {
    expect(decimalString(1 / 7)).toBe('0.142857143');
    expect(decimalString(-1.23456789e-7).length).toBeLessThanOrEqual(16);
    expect(decimalString(0.390625)).toBe('0.390625');
  });
});
