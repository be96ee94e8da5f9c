import dcmjs from 'dcmjs';

import { TRANSFER_SYNTAXES, type TransferSyntaxUid } from '../../core/dicom/transfer-syntaxes.js';

const { DicomDict, DicomMetaDictionary } = dcmjs.data;

/** Names this writer in File Meta Information (PS3.10 7.1); made once from a random UUID. */
const ImplementationClassUID = '2.25.154116623287294275623751205602725043987';
const ImplementationVersionName = 'PREREAD_PHANTOM';

type DicomValue =
  string | number | readonly (string | number)[] | readonly DicomAttributes[] | null;

/** A dataset by PS3.6 keywords. `null` is an empty value (type 2), `undefined` leaves the element out. */
export interface DicomAttributes {
  readonly [keyword: string]: DicomValue | undefined;
}

/**
 * Pixel Data (7FE0,0010): the bytes of all frames, little endian, or one codestream a frame. Frames are
 * written with a Basic Offset Table and one fragment each.
 */
export type PixelData =
  | { readonly kind: 'native'; readonly bytes: Uint8Array; readonly BitsAllocated: 8 | 16 }
  | { readonly kind: 'encapsulated'; readonly frames: readonly Uint8Array[] };

/**
 * A DICOM Part 10 file. Text is written in UTF-8: an attribute outside ASCII needs SpecificCharacterSet
 * `ISO_IR 192` beside it.
 *
 * dcmjs only warns, or cuts, where a dataset is wrong; here an unknown keyword, a value too long for its
 * VR and a transfer syntax that does not fit the pixels are a RangeError.
 */
export function encodePart10(
  attributes: DicomAttributes,
  pixelData: PixelData | undefined,
  TransferSyntaxUID: TransferSyntaxUid,
): Buffer {
  const { encapsulated, keyword } = TRANSFER_SYNTAXES[TransferSyntaxUID];
  if (keyword === 'ExplicitVRBigEndian' || keyword === 'DeflatedExplicitVRLittleEndian') {
    throw new RangeError(`${keyword} is not written here; convert with dcmconv`);
  }
  if (pixelData !== undefined && encapsulated !== (pixelData.kind === 'encapsulated')) {
    throw new RangeError(`${keyword} does not fit ${pixelData.kind} pixel data`);
  }
  const file = new DicomDict(
    DicomMetaDictionary.denaturalizeDataset({
      FileMetaInformationVersion: Uint8Array.of(0, 1).buffer,
      MediaStorageSOPClassUID: attributes['SOPClassUID'],
      MediaStorageSOPInstanceUID: attributes['SOPInstanceUID'],
      TransferSyntaxUID,
      ImplementationClassUID,
      ImplementationVersionName,
    }),
  );
  file.dict = DicomMetaDictionary.denaturalizeDataset({
    ...checked(attributes),
    ...(pixelData && naturalPixelData(pixelData)),
  });
  return Buffer.from(file.write({ fragmentMultiframe: false }));
}

/** A number as a Decimal String: at most 16 characters. Source: PS3.5 6.2. */
export function decimalString(value: number): string {
  const text = String(value);
  return text.length <= 16 ? text : String(Number(value.toPrecision(9)));
}

// dcmjs takes the VR of the "OB or OW" elements from a map beside the values, and wants ArrayBuffers.
function naturalPixelData(pixelData: PixelData): Record<string, unknown> {
  switch (pixelData.kind) {
    case 'native':
      return {
        PixelData: exactBuffer(pixelData.bytes),
        _vrMap: { PixelData: pixelData.BitsAllocated === 8 ? 'OB' : 'OW' },
      };
    case 'encapsulated':
      return { PixelData: pixelData.frames.map(exactBuffer), _vrMap: { PixelData: 'OB' } };
  }
}

function exactBuffer(bytes: Uint8Array): ArrayBufferLike {
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
}

/** Longest value in characters, by VR, of the VRs whose length can go wrong here. Source: PS3.5 6.2. */
const MAX_LENGTH: Readonly<Record<string, number>> = {
  AE: 16,
  AS: 4,
  CS: 16,
  DA: 8,
  DS: 16,
  IS: 12,
  LO: 64,
  LT: 10240,
  PN: 194,
  SH: 16,
  ST: 1024,
  TM: 14,
  UI: 64,
};

function checked(attributes: DicomAttributes): Record<string, unknown> {
  const dataset: Record<string, unknown> = {};
  for (const [keyword, value] of Object.entries(attributes)) {
    const entry = DicomMetaDictionary.nameMap[keyword];
    if (entry === undefined) throw new RangeError(`no DICOM attribute ${keyword}`);
    if (value === undefined) continue;
    dataset[keyword] = checkedValue(keyword, entry.vr, value);
  }
  return dataset;
}

function checkedValue(keyword: string, vr: string, value: DicomValue): unknown {
  if (value === null) return null;
  const values: readonly (string | number | DicomAttributes)[] =
    typeof value === 'object' ? value : [value];
  return values.map((one) => {
    if (typeof one === 'object') return checked(one);
    const text = typeof one === 'number' && vr === 'DS' ? decimalString(one) : String(one);
    if (text.length > (MAX_LENGTH[vr] ?? Infinity)) {
      throw new RangeError(`${keyword} is longer than its value representation ${vr} allows`);
    }
    return text;
  });
}
