import { TextDecoder } from 'node:util';

import type { DataSet, Element } from 'dicom-parser';

import type { AttributeStep, ReadAttribute } from '../../core/rules/condition.js';

/** Longer values are cut: no rule compares them, and a hostile one is not worth decoding. */
const MAX_VALUE_BYTES = 16 * 1024;
/** Values of one attribute, over all items. */
const MAX_VALUES = 1000;
const TRANSFER_SYNTAX_TAG = '00020010';
const CHARACTER_SET = 'x00080005';

/** WHATWG names of the single-byte and self-contained character sets. Source: PS3.3 C.12.1.1.2. */
const ENCODINGS: Readonly<Record<string, string>> = {
  'ISO_IR 101': 'iso-8859-2',
  'ISO_IR 109': 'iso-8859-3',
  'ISO_IR 110': 'iso-8859-4',
  'ISO_IR 144': 'iso-8859-5',
  'ISO_IR 127': 'iso-8859-6',
  'ISO_IR 126': 'iso-8859-7',
  'ISO_IR 138': 'iso-8859-8',
  'ISO_IR 148': 'windows-1254',
  'ISO_IR 166': 'windows-874',
  'ISO_IR 13': 'shift_jis',
  'ISO_IR 192': 'utf-8',
  GB18030: 'gb18030',
  GBK: 'gbk',
};

/** Text with one value whatever it holds. Source: PS3.5 6.4. */
const SINGLE_VALUED: ReadonlySet<string | undefined> = new Set(['LT', 'ST', 'UT', 'UR']);

/** Numbers in binary: bytes of each, and how to read one. */
const BINARY: Readonly<
  Record<string, { bytes: number; read: (view: DataView, at: number, little: boolean) => number }>
> = {
  US: { bytes: 2, read: (view, at, little) => view.getUint16(at, little) },
  SS: { bytes: 2, read: (view, at, little) => view.getInt16(at, little) },
  UL: { bytes: 4, read: (view, at, little) => view.getUint32(at, little) },
  SL: { bytes: 4, read: (view, at, little) => view.getInt32(at, little) },
  FL: { bytes: 4, read: (view, at, little) => view.getFloat32(at, little) },
  FD: { bytes: 8, read: (view, at, little) => view.getFloat64(at, little) },
};

/**
 * Reads any attribute of a data set as text, for conditions. Damaged values read as absent: a rule is no
 * place to find out. Code extensions of ISO 2022 are read as Latin-1, whose ASCII part is right.
 */
export function createAttributeReader(dataSet: DataSet, TransferSyntaxUID: string): ReadAttribute {
  const littleEndian = TransferSyntaxUID !== '1.2.840.10008.1.2.2';
  const decoder = decoderOf(dataSet);
  return (path) => {
    const last = path.at(-1);
    if (last === undefined) {
      return [];
    }
    if (last.tag === TRANSFER_SYNTAX_TAG) {
      return [TransferSyntaxUID];
    }
    return dataSetsOf(dataSet, path.slice(0, -1))
      .flatMap((inner) => {
        const element = inner.elements[`x${last.tag.toLowerCase()}`];
        return element === undefined ? [] : valuesOf(inner, element, last, decoder, littleEndian);
      })
      .slice(0, MAX_VALUES);
  };
}

function dataSetsOf(dataSet: DataSet, path: readonly AttributeStep[]): DataSet[] {
  return path.reduce<DataSet[]>(
    (dataSets, { tag }) =>
      dataSets
        .flatMap((inner) => inner.elements[`x${tag.toLowerCase()}`]?.items ?? [])
        .flatMap((item) => (item.dataSet === undefined ? [] : [item.dataSet]))
        .slice(0, MAX_VALUES),
    [dataSet],
  );
}

function valuesOf(
  dataSet: DataSet,
  element: Element,
  step: AttributeStep,
  decoder: TextDecoder,
  littleEndian: boolean,
): string[] {
  if (element.items !== undefined) {
    return element.items.map(() => '');
  }
  const { dataOffset, length } = element;
  const end = dataOffset + Math.min(length, MAX_VALUE_BYTES);
  if (length === 0 || end > dataSet.byteArray.length) {
    return [];
  }
  const bytes = dataSet.byteArray.subarray(dataOffset, end);
  // The object's own word on how the value is written comes first; implicit VR has none.
  const vr = element.vr === undefined || element.vr === 'UN' ? step.vr : element.vr;
  const binary = vr === undefined ? undefined : BINARY[vr];
  if (binary !== undefined) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return Array.from({ length: Math.floor(bytes.length / binary.bytes) }, (_, index) =>
      String(binary.read(view, index * binary.bytes, littleEndian)),
    );
  }
  const text = decoder.decode(bytes).replaceAll('\0', '');
  const values = SINGLE_VALUED.has(vr) ? [text] : text.split('\\');
  return values.map((value) => value.trim()).filter((value) => value !== '');
}

function decoderOf(dataSet: DataSet): TextDecoder {
  const element = dataSet.elements[CHARACTER_SET];
  const bytes = element
    ? dataSet.byteArray.subarray(
        element.dataOffset,
        element.dataOffset + Math.min(element.length, 64),
      )
    : new Uint8Array();
  const term = (Buffer.from(bytes).toString('latin1').split('\\')[0] ?? '')
    .replaceAll('\0', '')
    .trim();
  return new TextDecoder(ENCODINGS[term] ?? 'latin1');
}
