import { createHash } from 'node:crypto';

declare const brand: unique symbol;

/** A syntactically valid DICOM UID without padding. Source: PS3.5 9.1. */
export type DicomUid = string & { readonly [brand]: 'DicomUid' };

const UID_PATTERN = /^(?:0|[1-9]\d*)(?:\.(?:0|[1-9]\d*))+$/;
const UID_MAX_LENGTH = 64;

/**
 * A UID from outside: trailing NUL and space padding is dropped (PS3.5 9.1 pads with NUL; spaces occur).
 * Returns undefined for anything else. Components with leading zeros are forbidden by the standard and
 * do occur; they are refused, because two spellings of one UID would be two studies.
 */
export function parseUid(text: string | undefined): DicomUid | undefined {
  const bare = text?.replace(/[\0 ]+$/, '');
  if (bare === undefined || bare.length > UID_MAX_LENGTH || !UID_PATTERN.test(bare)) {
    return undefined;
  }
  return bare as DicomUid;
}

/** A 128-bit number given as 32 hexadecimal digits, as a UID under 2.25. Source: PS3.5 B.2. */
export function uidFromHex128(hex: string): DicomUid {
  if (!/^[0-9a-f]{32}$/i.test(hex)) {
    throw new RangeError('expected 32 hexadecimal digits');
  }
  return `2.25.${BigInt(`0x${hex}`).toString(10)}` as DicomUid;
}

/**
 * The UID of a thing by its name: the same words give the same UID on every machine. A name-based UUID
 * (version 8, SHA-256) under 2.25, so below 2^128. Source: PS3.5 B.2, RFC 9562 5.8.
 */
export function uidFromName(...words: readonly (string | number)[]): DicomUid {
  const bytes = createHash('sha256').update(JSON.stringify(words)).digest().subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return uidFromHex128(bytes.toString('hex'));
}

/** The 32 hexadecimal digits of a UID under 2.25; undefined for any other. */
export function hex128OfUid(uid: DicomUid): string | undefined {
  const digits = /^2\.25\.(\d{1,39})$/.exec(uid)?.[1];
  const hex = digits && BigInt(digits).toString(16).padStart(32, '0');
  return hex?.length === 32 ? hex : undefined;
}
