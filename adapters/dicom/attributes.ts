import type { DataSet } from 'dicom-parser';

import { PipelineError } from '../../core/errors.js';

/** An attribute's tag in dicom-parser's spelling, for PS3.6 keywords that we read. */
export const TAGS = {
  ImageType: 'x00080008',
  SOPClassUID: 'x00080016',
  SOPInstanceUID: 'x00080018',
  StudyDate: 'x00080020',
  AcquisitionDate: 'x00080022',
  Modality: 'x00080060',
  PresentationIntentType: 'x00080068',
  CodeValue: 'x00080100',
  SeriesDescription: 'x0008103e',
  AnatomicRegionSequence: 'x00082218',
  PatientBirthDate: 'x00100030',
  PatientAge: 'x00101010',
  BodyPartExamined: 'x00180015',
  ProtocolName: 'x00181030',
  ImagerPixelSpacing: 'x00181164',
  AcquisitionDeviceProcessingDescription: 'x00181400',
  ViewPosition: 'x00185101',
  StudyInstanceUID: 'x0020000d',
  SeriesInstanceUID: 'x0020000e',
  PatientOrientation: 'x00200020',
  SamplesPerPixel: 'x00280002',
  PhotometricInterpretation: 'x00280004',
  PlanarConfiguration: 'x00280006',
  NumberOfFrames: 'x00280008',
  Rows: 'x00280010',
  Columns: 'x00280011',
  PixelSpacing: 'x00280030',
  PixelAspectRatio: 'x00280034',
  BitsAllocated: 'x00280100',
  BitsStored: 'x00280101',
  HighBit: 'x00280102',
  PixelRepresentation: 'x00280103',
  PixelPaddingValue: 'x00280120',
  PixelPaddingRangeLimit: 'x00280121',
  BurnedInAnnotation: 'x00280301',
  WindowCenter: 'x00281050',
  WindowWidth: 'x00281051',
  RescaleIntercept: 'x00281052',
  RescaleSlope: 'x00281053',
  VOILUTFunction: 'x00281056',
  RedPaletteColorLookupTableDescriptor: 'x00281101',
  GreenPaletteColorLookupTableDescriptor: 'x00281102',
  BluePaletteColorLookupTableDescriptor: 'x00281103',
  RedPaletteColorLookupTableData: 'x00281201',
  GreenPaletteColorLookupTableData: 'x00281202',
  BluePaletteColorLookupTableData: 'x00281203',
  ModalityLUTSequence: 'x00283000',
  LUTDescriptor: 'x00283002',
  LUTData: 'x00283006',
  VOILUTSequence: 'x00283010',
  RequestAttributesSequence: 'x00400275',
  RequestedProcedurePriority: 'x00401003',
  ViewCodeSequence: 'x00540220',
  PresentationLUTShape: 'x20500020',
} as const;

export type Keyword = keyof typeof TAGS;

/** No attribute that we read as text comes near this; a hostile one is not worth decoding. */
const MAX_TEXT_BYTES = 16 * 1024;

/**
 * Text of all values; undefined when absent or empty. Read as Latin-1: what we read are code strings,
 * numbers, UIDs and ASCII words, which are the same bytes in every Specific Character Set.
 */
export function readText(dataSet: DataSet, keyword: Keyword): string | undefined {
  const bytes = readBytes(dataSet, keyword)?.subarray(0, MAX_TEXT_BYTES);
  const text =
    bytes &&
    Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      .toString('latin1')
      .replaceAll('\0', '')
      .trim();
  return text === '' ? undefined : text;
}

/** The values of a multi-valued text attribute, trimmed, empty ones kept as ''. */
export function readTexts(dataSet: DataSet, keyword: Keyword): string[] {
  return (
    readText(dataSet, keyword)
      ?.split('\\')
      .map((value) => value.trim()) ?? []
  );
}

/**
 * Decimal or integer strings. Throws `attribute-missing` for text that is not a number: to read past it
 * would give other pixels than the sender meant.
 */
export function readNumbers(dataSet: DataSet, keyword: Keyword): number[] {
  return readTexts(dataSet, keyword)
    .filter((text) => text !== '')
    .map((text) => {
      const value = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : NaN;
      if (!Number.isFinite(value)) {
        throw new PipelineError('attribute-missing', `${keyword} is not a number.`);
      }
      return value;
    });
}

/** A 16-bit binary value in the data set's byte order; undefined when absent or too short. */
export function readUint16(dataSet: DataSet, keyword: Keyword, index = 0): number | undefined {
  const bytes = readBytes(dataSet, keyword);
  return bytes === undefined || bytes.length < 2 * (index + 1)
    ? undefined
    : dataSet.byteArrayParser.readUint16(bytes, 2 * index);
}

/** The items of a sequence; none when it is absent or was not readable as a sequence. */
export function readItems(dataSet: DataSet, keyword: Keyword): DataSet[] {
  const items = dataSet.elements[TAGS[keyword]]?.items ?? [];
  return items.flatMap((item) => (item.dataSet === undefined ? [] : [item.dataSet]));
}

/** The bytes of a value; undefined when absent. Throws `dicom-truncated` when they are not all there. */
export function readBytes(dataSet: DataSet, keyword: Keyword): Uint8Array | undefined {
  const element = dataSet.elements[TAGS[keyword]];
  if (element === undefined) {
    return undefined;
  }
  const end = element.dataOffset + element.length;
  if (end > dataSet.byteArray.length) {
    throw new PipelineError('dicom-truncated');
  }
  return dataSet.byteArray.subarray(element.dataOffset, end);
}
