import type { TransferSyntaxUid } from '../../../core/dicom/transfer-syntaxes.js';
import { acceptedRanges, covers } from '../http/media-type.js';

/** Media types of compressed frames. Source: PS3.18 table 8.7.3-5. */
export const COMPRESSED_TYPES: Partial<Record<TransferSyntaxUid, string>> = {
  '1.2.840.10008.1.2.5': 'image/dicom-rle',
  '1.2.840.10008.1.2.4.50': 'image/jpeg',
  '1.2.840.10008.1.2.4.51': 'image/jpeg',
  '1.2.840.10008.1.2.4.57': 'image/jpeg',
  '1.2.840.10008.1.2.4.70': 'image/jpeg',
  '1.2.840.10008.1.2.4.80': 'image/jls',
  '1.2.840.10008.1.2.4.81': 'image/jls',
  '1.2.840.10008.1.2.4.90': 'image/jp2',
  '1.2.840.10008.1.2.4.91': 'image/jp2',
  '1.2.840.10008.1.2.4.201': 'image/jphc',
  '1.2.840.10008.1.2.4.202': 'image/jphc',
  '1.2.840.10008.1.2.4.203': 'image/jphc',
};
/** As clients of older editions write them. */
const FORMER_TYPES: Readonly<Record<string, string>> = {
  'image/x-dicom-rle': 'image/dicom-rle',
  'image/x-jls': 'image/jls',
};

const UNCOMPRESSED = 'application/octet-stream';
const EXPLICIT_VR_LITTLE_ENDIAN = '1.2.840.10008.1.2.1';

/** The form in which a client gets frames. */
export interface FrameType {
  /** As it is stored, or decoded to Explicit VR Little Endian. */
  readonly decoded: boolean;
  readonly contentType: string;
  /** One part in a `multipart/related` each, or one frame alone. */
  readonly multipart: boolean;
}

/**
 * The best form of frames that a client accepts; undefined when it accepts none. Decoded unless it asks for the
 * compressed type, or for any transfer syntax (`*`), which is the stored one. Source: PS3.18 8.7.3.
 *
 * @param stored transfer syntax of the object
 */
export function chooseFrameType(accept: string | undefined, stored: string): FrameType | undefined {
  const compressed = COMPRESSED_TYPES[stored as TransferSyntaxUid];
  for (const { essence, parameters } of acceptedRanges(accept)) {
    const multipart = essence === 'multipart/related' || essence === '*/*';
    const asked = (
      essence === 'multipart/related' ? (parameters.get('type') ?? '*/*') : essence
    ).toLowerCase();
    const type = FORMER_TYPES[asked] ?? asked;
    const syntax = parameters.get('transfer-syntax');
    if (compressed !== undefined && wantsStored(type, syntax, stored, compressed)) {
      const contentType = type === UNCOMPRESSED ? UNCOMPRESSED : compressed;
      return { decoded: false, multipart, contentType: withSyntax(contentType, stored) };
    }
    if (
      covers(type, UNCOMPRESSED) &&
      [undefined, '*', EXPLICIT_VR_LITTLE_ENDIAN].includes(syntax)
    ) {
      const contentType = withSyntax(UNCOMPRESSED, EXPLICIT_VR_LITTLE_ENDIAN);
      return { decoded: compressed !== undefined, multipart, contentType };
    }
  }
  return undefined;
}

function wantsStored(
  type: string,
  syntax: string | undefined,
  stored: string,
  compressed: string,
): boolean {
  const named = syntax === '*' || syntax === stored;
  return type === compressed
    ? named || syntax === undefined
    : named && (type === UNCOMPRESSED || covers(type, compressed));
}

function withSyntax(type: string, TransferSyntaxUID: string): string {
  return `${type}; transfer-syntax=${TransferSyntaxUID}`;
}
