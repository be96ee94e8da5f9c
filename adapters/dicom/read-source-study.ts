import { open } from 'node:fs/promises';

import type { DataSet } from 'dicom-parser';

import type { SourceStudy } from '../../core/delivery/dicom/source-study.js';
import type { DataElement } from '../../core/dicom/elements.js';
import type { PixelHeader } from '../../core/dicom/instance-header.js';
import { PipelineError } from '../../core/errors.js';
import { decodeText } from './character-set.js';
import { parseDataSet, type ParsedDataSet } from './data-set.js';
import { toDicomJson, type DicomJson } from './dicom-json.js';
import { readPixelHeader } from './pixel-header.js';
import type { ObjectSource } from './rendering/image-task.js';

/** A header of a radiograph is a few kilobytes; it is read in steps of this until Pixel Data begins. */
const FIRST_READ_BYTES = 64 * 1024;
const MAX_HEADER_BYTES = 64 * 1024 * 1024;

/** Attributes that are copied as they are, with their VR: the source may be implicit. */
const COPIED: readonly (readonly [tag: number, vr: string])[] = [
  [0x00080005, 'CS'],
  [0x00080201, 'SH'],
  [0x00100021, 'LO'],
  [0x00101010, 'AS'],
  [0x00101020, 'DS'],
  [0x00101030, 'DS'],
  [0x00081030, 'LO'],
  [0x00104000, 'LT'],
];

/** Type 2: written empty where the source lacks them. Source: PS3.3 C.7.1.1, C.7.2.1. */
const COPIED_OR_EMPTY: readonly (readonly [tag: number, vr: string])[] = [
  [0x00080020, 'DA'],
  [0x00080030, 'TM'],
  [0x00080050, 'SH'],
  [0x00080090, 'PN'],
  [0x00100010, 'PN'],
  [0x00100020, 'LO'],
  [0x00100030, 'DA'],
  [0x00100040, 'CS'],
  [0x0020000d, 'UI'],
  [0x00200010, 'SH'],
];

/** Referenced Request Sequence (0040,A370): its type 2 attributes. Source: PS3.3 C.17.2. */
const REQUEST: readonly (readonly [tag: number, vr: string])[] = [
  [0x00080050, 'SH'],
  [0x00321060, 'LO'],
  [0x00401001, 'SH'],
  [0x00402016, 'LO'],
  [0x00402017, 'LO'],
];

/**
 * How a stored image is to be shown.
 * @throws PipelineError as `readSourceStudy`, and `attribute-missing`, `pixel-format-unsupported`
 */
export async function readSourcePixels(path: string): Promise<PixelHeader> {
  return readPixelHeader(await readHeader(path));
}

/**
 * Burned In Annotation (0028,0301) of a stored image; undefined when it does not say.
 * @throws as `readSourceStudy`
 */
export async function readBurnedInAnnotation(path: string): Promise<'YES' | 'NO' | undefined> {
  const value = ascii(await readHeader(path), 0x00280301)?.trim();
  return value === 'YES' || value === 'NO' ? value : undefined;
}

/**
 * The patient's and the study's attributes of a stored object.
 * @throws PipelineError `file-unreadable`, `dicom-unreadable`, `dicom-truncated`
 */
export async function readSourceStudy(path: string): Promise<SourceStudy> {
  const dataSet = await readHeader(path);
  const charset = ascii(dataSet, 0x00080005)?.split('\\') ?? [];
  const textOf = (tag: number, from: DataSet = dataSet): string | undefined => {
    const bytes = valueBytes(from, tag);
    const text =
      bytes &&
      decodeText(
        bytes,
        charset.map((value) => value.trim()),
      ).replace(/[\0 ]+$/, '');
    return text === '' ? undefined : text?.trimStart();
  };
  const requests = itemsOf(dataSet, 0x00400275);
  const [request] = requests;
  const procedure = itemsOf(dataSet, 0x00081032)[0] ?? (request && itemsOf(request, 0x00321064)[0]);
  const procedureCode = procedure && {
    CodeValue: textOf(0x00080100, procedure),
    CodingSchemeDesignator: textOf(0x00080102, procedure),
    CodeMeaning: textOf(0x00080104, procedure),
  };
  return {
    copied: [
      ...COPIED.flatMap(([tag, vr]) => copy(dataSet, tag, vr) ?? []),
      ...COPIED_OR_EMPTY.map(
        ([tag, vr]) => copy(dataSet, tag, vr) ?? { tag, vr, value: new Uint8Array() },
      ),
    ],
    requestItems: requests.map((item) => requestItem(dataSet, item)),
    patient: {
      PatientName: textOf(0x00100010),
      PatientID: textOf(0x00100020),
      IssuerOfPatientID: textOf(0x00100021),
      PatientBirthDate: textOf(0x00100030),
      PatientSex: textOf(0x00100040),
    },
    study: {
      AccessionNumber: textOf(0x00080050),
      StudyDate: textOf(0x00080020),
      StudyTime: textOf(0x00080030),
      StudyDescription: textOf(0x00081030),
      StudyID: textOf(0x00200010),
      TimezoneOffsetFromUTC: textOf(0x00080201),
    },
    request: request && {
      AccessionNumber: textOf(0x00080050, request) ?? textOf(0x00080050),
      RequestedProcedureID: textOf(0x00401001, request),
      PlacerOrderNumber: textOf(0x00402016, request),
      FillerOrderNumber: textOf(0x00402017, request),
    },
    procedureCode: isCode(procedureCode) ? procedureCode : undefined,
    Modality: textOf(0x00080060),
  };
}

/**
 * Everything before the Pixel Data of a stored object, in the DICOM JSON model.
 * @throws as `readSourceStudy`
 */
export async function readDicomJson(source: ObjectSource): Promise<DicomJson> {
  const { dataSet, bigEndian } =
    'path' in source ? await readParsedHeader(source.path) : parseDataSet(source.bytes, true);
  return toDicomJson(dataSet, bigEndian);
}

async function readHeader(path: string): Promise<DataSet> {
  return (await readParsedHeader(path)).dataSet;
}

async function readParsedHeader(path: string): Promise<ParsedDataSet> {
  const file = await open(path).catch((cause: unknown) => {
    throw new PipelineError('file-unreadable', undefined, { cause });
  });
  try {
    const { size } = await file.stat();
    for (let length = FIRST_READ_BYTES; ; length *= 4) {
      const wanted = Math.min(length, size, MAX_HEADER_BYTES);
      const { buffer, bytesRead } = await file.read(Buffer.alloc(wanted), 0, wanted, 0);
      const complete = wanted === size || wanted === MAX_HEADER_BYTES;
      const parsed = parseDataSet(buffer.subarray(0, bytesRead), complete);
      if (parsed !== undefined) {
        return parsed;
      }
    }
  } finally {
    await file.close();
  }
}

function requestItem(dataSet: DataSet, item: DataSet): DataElement[] {
  return [
    ...REQUEST.map(
      ([tag, vr]) =>
        copy(item, tag, vr) ??
        (tag === 0x00080050 ? copy(dataSet, tag, vr) : undefined) ?? {
          tag,
          vr,
          value: new Uint8Array(),
        },
    ),
    copy(dataSet, 0x0020000d, 'UI') ?? { tag: 0x0020000d, vr: 'UI', value: new Uint8Array() },
    { tag: 0x00081110, vr: 'SQ', value: [] },
    { tag: 0x00321064, vr: 'SQ', value: [] },
  ];
}

function isCode(code: Record<string, string | undefined> | undefined): code is {
  CodeValue: string;
  CodingSchemeDesignator: string;
  CodeMeaning: string;
} {
  return (
    code !== undefined &&
    Object.values(code).every(
      (value) => value !== undefined && /^[\x20-\x7e]{1,64}$/.test(value),
    ) &&
    (code['CodeValue']?.length ?? 0) <= 16 &&
    (code['CodingSchemeDesignator']?.length ?? 0) <= 16
  );
}

function copy(dataSet: DataSet, tag: number, vr: string): DataElement | undefined {
  const value = valueBytes(dataSet, tag);
  return value && { tag, vr, value };
}

function valueBytes(dataSet: DataSet, tag: number): Uint8Array | undefined {
  const element = dataSet.elements[parserTag(tag)];
  const end = (element?.dataOffset ?? 0) + (element?.length ?? 0);
  return element === undefined || end > dataSet.byteArray.length
    ? undefined
    : dataSet.byteArray.subarray(element.dataOffset, end);
}

function ascii(dataSet: DataSet, tag: number): string | undefined {
  const bytes = valueBytes(dataSet, tag);
  return bytes && Buffer.from(bytes).toString('latin1');
}

function itemsOf(dataSet: DataSet, tag: number): DataSet[] {
  const items = dataSet.elements[parserTag(tag)]?.items ?? [];
  return items.flatMap((item) => item.dataSet ?? []);
}

/** dicom-parser's spelling. */
function parserTag(tag: number): string {
  return `x${tag.toString(16).padStart(8, '0')}`;
}
