import { constants, inflateRawSync } from 'node:zlib';

import dicomParser from 'dicom-parser';
import type { ByteArrayParser, DataSet } from 'dicom-parser';

import { parseUid } from '../../core/dicom/uid.js';
import type { DicomUid } from '../../core/dicom/uid.js';
import { PipelineError } from '../../core/errors.js';
import { findDataSet, hasPrefix } from './file-meta.js';

const IMPLICIT_LITTLE_ENDIAN = '1.2.840.10008.1.2';
const EXPLICIT_BIG_ENDIAN = '1.2.840.10008.1.2.2';
const DEFLATED = '1.2.840.10008.1.2.1.99';
const PIXEL_DATA_TAG = 'x7fe00010';
const UNDEFINED_LENGTH = 0xffffffff;

/** VRs with a 32-bit length that dicom-parser 1.8 reads as 16-bit ones. Source: PS3.5 7.1.2. */
const LONG_VRS_UNKNOWN_TO_PARSER: ReadonlySet<string> = new Set(['OV', 'SV', 'UV']);

/** A deflated file is at most this large when inflated: a bomb otherwise reaches 1000 times its size. */
const DEFAULT_MAX_INFLATED_BYTES = 512 * 1024 * 1024;

export interface ParseOptions {
  /** Accept files without preamble or File Meta Information (from a disk; never on the wire). */
  readonly bare?: boolean;
  readonly maxInflatedBytes?: number;
}

/** The elements before Pixel Data, and where Pixel Data stands. */
export interface ParsedDataSet {
  readonly dataSet: DataSet;
  readonly TransferSyntaxUID: DicomUid;
  /** What all offsets refer to: the bytes given, or the inflated data set. */
  readonly bytes: Uint8Array;
  readonly inflated: boolean;
  readonly bigEndian: boolean;
  readonly pixelData: PixelDataLocation | undefined;
}

export interface PixelDataLocation {
  readonly vr: string | undefined;
  /** Offset of the value (of the first item when encapsulated). */
  readonly offset: number;
  /** Bytes of the value; undefined for encapsulated data, which ends with a delimiter. */
  readonly length: number | undefined;
}

/**
 * Parses up to Pixel Data. With `complete: false` the bytes are a prefix of the object and `undefined`
 * means that they end too early to tell.
 *
 * Throws `dicom-unreadable`, `dicom-truncated` and `attribute-missing` (no Transfer Syntax UID).
 */
export function parseDataSet(
  bytes: Uint8Array,
  complete: true,
  options?: ParseOptions,
): ParsedDataSet;
export function parseDataSet(
  bytes: Uint8Array,
  complete: boolean,
  options?: ParseOptions,
): ParsedDataSet | undefined;
export function parseDataSet(
  bytes: Uint8Array,
  complete: boolean,
  options: ParseOptions = {},
): ParsedDataSet | undefined {
  const start = findDataSet(bytes, options.bare ?? false);
  if (start === undefined) {
    if (complete) {
      throw new PipelineError(hasPrefix(bytes) ? 'dicom-truncated' : 'dicom-unreadable');
    }
    return undefined;
  }
  const TransferSyntaxUID = parseUid(start.TransferSyntaxUID);
  if (TransferSyntaxUID === undefined) {
    throw new PipelineError('attribute-missing', 'Transfer Syntax UID is missing or invalid.');
  }
  const inflated = start.TransferSyntaxUID === DEFLATED;
  const data = inflated ? inflate(bytes.subarray(start.offset), complete, options) : bytes;
  try {
    return parseElements(data, inflated ? 0 : start.offset, TransferSyntaxUID, inflated, complete);
  } catch (error) {
    if (!complete) {
      return undefined;
    }
    throw translate(error);
  }
}

function parseElements(
  bytes: Uint8Array,
  offset: number,
  TransferSyntaxUID: DicomUid,
  inflated: boolean,
  complete: boolean,
): ParsedDataSet | undefined {
  const bigEndian = TransferSyntaxUID === EXPLICIT_BIG_ENDIAN;
  const parser = bigEndian
    ? dicomParser.bigEndianByteArrayParser
    : dicomParser.littleEndianByteArrayParser;
  const dataSet = createDataSet(parser, bytes);
  const stream = new dicomParser.ByteStream(parser, bytes, offset);
  const readFixedString = stream.readFixedString.bind(stream);
  stream.readFixedString = (length) => {
    const text = readFixedString(length);
    return length === 2 && LONG_VRS_UNKNOWN_TO_PARSER.has(text) ? 'OB' : text;
  };
  const parse =
    TransferSyntaxUID === IMPLICIT_LITTLE_ENDIAN
      ? dicomParser.parseDicomDataSetImplicit
      : dicomParser.parseDicomDataSetExplicit;
  parse(dataSet, stream, bytes.length, { untilTag: PIXEL_DATA_TAG });

  const element = dataSet.elements[PIXEL_DATA_TAG];
  if (element === undefined) {
    if (!complete) {
      return undefined;
    }
    // The parser ends without complaint behind the last byte, and inside unfinished sequences.
    if (stream.position > bytes.length || isUnfinished([...dataSet.warnings, ...stream.warnings])) {
      throw new PipelineError('dicom-truncated');
    }
  }
  return {
    dataSet,
    TransferSyntaxUID,
    bytes,
    inflated,
    bigEndian,
    pixelData: element && {
      vr: element.vr,
      offset: element.dataOffset,
      length: element.length === UNDEFINED_LENGTH ? undefined : element.length,
    },
  };
}

/** dicom-parser exports the class and declares only its interface. */
function createDataSet(parser: ByteArrayParser, bytes: Uint8Array): DataSet {
  const { DataSet: DataSetClass } = dicomParser as unknown as {
    DataSet: new (parser: ByteArrayParser, bytes: Uint8Array, elements: object) => DataSet;
  };
  const dataSet = new DataSetClass(parser, bytes, {});
  dataSet.warnings = [];
  return dataSet;
}

function inflate(deflated: Uint8Array, complete: boolean, options: ParseOptions): Uint8Array {
  try {
    return inflateRawSync(deflated, {
      maxOutputLength: options.maxInflatedBytes ?? DEFAULT_MAX_INFLATED_BYTES,
      // A prefix gives what it holds; a whole object must reach its last block.
      finishFlush: complete ? constants.Z_FINISH : constants.Z_SYNC_FLUSH,
    });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ERR_BUFFER_TOO_LARGE') {
      throw new PipelineError('dicom-unreadable', 'The deflated data set exceeds the size limit.');
    }
    if (code === 'Z_BUF_ERROR') {
      throw new PipelineError('dicom-truncated', undefined, { cause: error });
    }
    throw new PipelineError('dicom-unreadable', undefined, { cause: error });
  }
}

function isUnfinished(warnings: readonly string[]): boolean {
  return warnings.some((warning) => /^eof encountered before finding (?!.*peeking)/.test(warning));
}

/** dicom-parser throws strings; those that speak of the buffer's end mean a truncated object. */
function translate(error: unknown): PipelineError {
  if (error instanceof PipelineError) {
    return error;
  }
  const text = typeof error === 'string' ? error : '';
  const truncated = /past end|overrun|overread|osition\\?'/.test(text);
  return new PipelineError(truncated ? 'dicom-truncated' : 'dicom-unreadable', undefined, {
    cause: error,
  });
}
