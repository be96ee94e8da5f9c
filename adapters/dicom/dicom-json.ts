import dcmjs from 'dcmjs';
import type { DataSet, Element } from 'dicom-parser';

import type { JsonAttribute } from '../../core/dicom/match-attributes.js';
import { decodeText } from './character-set.js';

export interface DicomJsonElement extends JsonAttribute {
  readonly InlineBinary?: string;
  readonly BulkDataURI?: string;
}
export type DicomJson = Readonly<Record<string, DicomJsonElement>>;

const PIXEL_DATA = '7FE00010';
/** One value whatever it holds. Source: PS3.5 6.4. */
const SINGLE_VALUED: ReadonlySet<string> = new Set(['LT', 'ST', 'UT', 'UR']);
/** Text in the data set's character set; every other text is ASCII. Source: PS3.5 6.1.2.2. */
const IN_CHARACTER_SET: ReadonlySet<string> = new Set('LO LT PN SH ST UC UT'.split(' '));
const PLAIN_TEXT: ReadonlySet<string> = new Set('AE AS CS DA DT TM UI UR'.split(' '));
const NUMBERS: Readonly<
  Record<
    string,
    readonly [bytes: number, read: (v: DataView, at: number, little: boolean) => number]
  >
> = {
  US: [2, (view, at, little) => view.getUint16(at, little)],
  SS: [2, (view, at, little) => view.getInt16(at, little)],
  UL: [4, (view, at, little) => view.getUint32(at, little)],
  SL: [4, (view, at, little) => view.getInt32(at, little)],
  FL: [4, (view, at, little) => view.getFloat32(at, little)],
  FD: [8, (view, at, little) => view.getFloat64(at, little)],
};
const PN_GROUPS = ['Alphabetic', 'Ideographic', 'Phonetic'] as const;

/**
 * A data set in the DICOM JSON model (PS3.18 F), in UTF-8: without File Meta Information, group lengths and Pixel
 * Data. Where the object is implicit, the dictionary says the VR; what it does not know is UN.
 */
export function toDicomJson(
  dataSet: DataSet,
  bigEndian: boolean,
  inherited: readonly string[] = [],
): DicomJson {
  const charset = characterSet(dataSet) ?? inherited;
  const json: Record<string, DicomJsonElement> = {};
  for (const name of Object.keys(dataSet.elements).sort()) {
    const element = dataSet.elements[name];
    const tag = name.slice(1).toUpperCase();
    if (element === undefined || tag < '00080000' || tag.endsWith('0000') || tag === PIXEL_DATA) {
      continue;
    }
    json[tag] =
      tag === '00080005'
        ? { vr: 'CS', Value: ['ISO_IR 192'] }
        : toElement(dataSet, element, tag, bigEndian, charset);
  }
  return json;
}

function toElement(
  dataSet: DataSet,
  element: Element,
  tag: string,
  bigEndian: boolean,
  charset: readonly string[],
): DicomJsonElement {
  if (element.items !== undefined) {
    const items = element.items.flatMap(({ dataSet: item }) => item ?? []);
    return {
      vr: 'SQ',
      ...(items.length > 0 && {
        Value: items.map((item) => toDicomJson(item, bigEndian, charset)),
      }),
    };
  }
  const vr = vrOf(dataSet, element, tag);
  const end = Math.min(element.dataOffset + element.length, dataSet.byteArray.length);
  const bytes = dataSet.byteArray.subarray(element.dataOffset, end);
  if (bytes.length === 0) {
    return { vr };
  }
  const numbers = NUMBERS[vr];
  if (numbers !== undefined) {
    const [size, read] = numbers;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const count = Math.floor(bytes.length / size);
    const values = Array.from({ length: count }, (_, index) =>
      read(view, index * size, !bigEndian),
    );
    // JSON has no word for what is not a number.
    return { vr, Value: values.map((value) => (Number.isFinite(value) ? value : null)) };
  }
  const isText = IN_CHARACTER_SET.has(vr);
  if (!isText && !PLAIN_TEXT.has(vr) && vr !== 'DS' && vr !== 'IS') {
    return { vr, InlineBinary: Buffer.from(bytes).toString('base64') };
  }
  const text = (
    isText ? decodeText(bytes, charset) : Buffer.from(bytes).toString('latin1')
  ).replace(/[\0 ]+$/, '');
  if (text === '') {
    return { vr };
  }
  const values = SINGLE_VALUED.has(vr) ? [text] : text.split('\\').map((value) => value.trim());
  return { vr, Value: values.map((value) => toValue(vr, value)) };
}

function toValue(vr: string, value: string): unknown {
  if (value === '') {
    return null;
  }
  if (vr === 'DS' || vr === 'IS') {
    const number = Number(value);
    return Number.isFinite(number) ? number : value;
  }
  if (vr === 'PN') {
    const groups = value.split('=');
    return Object.fromEntries(
      PN_GROUPS.flatMap((name, index) => {
        const group = groups[index]?.trim();
        return group ? [[name, group]] : [];
      }),
    );
  }
  return value;
}

function vrOf(dataSet: DataSet, element: Element, tag: string): string {
  if (element.vr !== undefined && element.vr !== 'UN') {
    return element.vr;
  }
  const written = `(${tag.slice(0, 4)},${tag.slice(4)})`;
  const vr = dcmjs.data.DicomMetaDictionary.dictionary[written]?.vr ?? 'UN';
  if (vr === 'xs') {
    return dataSet.uint16('x00280103') === 1 ? 'SS' : 'US';
  }
  return /^[A-Z]{2}$/.test(vr) && vr !== 'SQ' ? vr : 'UN';
}

function characterSet(dataSet: DataSet): readonly string[] | undefined {
  return dataSet
    .string('x00080005')
    ?.split('\\')
    .map((value) => value.trim());
}
