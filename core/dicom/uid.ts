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
