import type {
  InstanceHeader,
  InstanceIdentity,
  PixelHeader,
} from '../../core/dicom/instance-header.js';
import { PipelineError } from '../../core/errors.js';
import type { ReadAttribute } from '../../core/rules/condition.js';
import { createAttributeReader } from './attribute-reader.js';
import { parseDataSet } from './data-set.js';
import type { ParseOptions, PixelDataLocation } from './data-set.js';
import { identityOf, readInstanceHeader } from './instance-header.js';
import { locatePixelData } from './pixel-data.js';
import type { PixelData } from './pixel-data.js';
import { readPixelHeader } from './pixel-header.js';

export interface IdentifiedInstance {
  readonly kind: 'identified';
  readonly identity: InstanceIdentity;
  readonly header: InstanceHeader;
  /** Offsets into the file; into the inflated data set when `inflated`. */
  readonly pixelData: PixelDataLocation | undefined;
  readonly inflated: boolean;
}

export type IdentityResult = IdentifiedInstance | { readonly kind: 'need-more' };

/** As `IdentifiedInstance`, of an object whose UIDs may be missing. */
export type HeaderResult =
  | (Omit<IdentifiedInstance, 'kind' | 'identity'> & {
      readonly kind: 'read';
      /** Any attribute before Pixel Data. */
      readonly readAttribute: ReadAttribute;
    })
  | { readonly kind: 'need-more' };

export interface DicomObject {
  readonly header: InstanceHeader;
  readonly pixels: PixelHeader;
  readonly pixelData: PixelData;
}

/**
 * The header from the first bytes of an object. `complete` says that these are all of them; otherwise
 * `need-more` asks for a longer prefix (the header ends where Pixel Data begins).
 *
 * Throws `dicom-unreadable`, `dicom-truncated`, and `attribute-missing` without a transfer syntax.
 */
export function readHeaderPrefix(
  bytes: Uint8Array,
  complete: boolean,
  options: ParseOptions = {},
): HeaderResult {
  const parsed = parseDataSet(bytes, complete, options);
  if (parsed === undefined) {
    return { kind: 'need-more' };
  }
  const { dataSet, TransferSyntaxUID, pixelData, inflated } = parsed;
  return {
    kind: 'read',
    header: readInstanceHeader(dataSet, TransferSyntaxUID),
    readAttribute: createAttributeReader(dataSet, TransferSyntaxUID),
    pixelData,
    inflated,
  };
}

/** Identity and header, as `readHeaderPrefix`. Throws `attribute-missing` also for a missing UID. */
export function readIdentity(
  bytes: Uint8Array,
  complete: boolean,
  options: ParseOptions = {},
): IdentityResult {
  const result = readHeaderPrefix(bytes, complete, options);
  if (result.kind === 'need-more') {
    return result;
  }
  const { header, pixelData, inflated } = result;
  return { kind: 'identified', identity: identityOf(header), header, pixelData, inflated };
}

/** What gates need, of a whole object; its pixels are read only when they let it pass. */
export interface DicomHeader {
  readonly header: InstanceHeader;
  /** Any attribute before Pixel Data. */
  readonly readAttribute: ReadAttribute;
  /** Throws what `readPixelHeader` and `locatePixelData` throw. */
  readonly readPixels: () => { readonly pixels: PixelHeader; readonly pixelData: PixelData };
}

/** Reads a whole object in memory. Throws as `readIdentity`, but needs no UIDs. */
export function readDicomHeader(bytes: Uint8Array, options: ParseOptions = {}): DicomHeader {
  const parsed = parseDataSet(bytes, true, options);
  return {
    header: readInstanceHeader(parsed.dataSet, parsed.TransferSyntaxUID),
    readAttribute: createAttributeReader(parsed.dataSet, parsed.TransferSyntaxUID),
    readPixels: () => {
      if (parsed.pixelData === undefined) {
        throw new PipelineError('pixel-data-missing');
      }
      const pixels = readPixelHeader(parsed.dataSet);
      return { pixels, pixelData: locatePixelData(parsed, pixels) };
    },
  };
}

/**
 * Reads a whole object in memory, header and pixels. Throws also `pixel-data-missing`,
 * `pixel-data-corrupt` and `pixel-format-unsupported`.
 */
export function readDicom(bytes: Uint8Array, options: ParseOptions = {}): DicomObject {
  const { header, readPixels } = readDicomHeader(bytes, options);
  return { header, ...readPixels() };
}
