/** Writes DICOM objects byte by byte for tests: nothing is corrected, so broken ones can be written too. */

export const UIDS = {
  ImplicitVRLittleEndian: '1.2.840.10008.1.2',
  ExplicitVRLittleEndian: '1.2.840.10008.1.2.1',
  DeflatedExplicitVRLittleEndian: '1.2.840.10008.1.2.1.99',
  ExplicitVRBigEndian: '1.2.840.10008.1.2.2',
  JPEGBaseline8Bit: '1.2.840.10008.1.2.4.50',
  ComputedRadiographyImageStorage: '1.2.840.10008.5.1.4.1.1.1',
} as const;

const LONG_VRS = new Set('OB OD OF OL OV OW SQ SV UC UN UR UT UV'.split(' '));

export type ElementValue = string | number | readonly number[] | Uint8Array | readonly Elements[];

/** `GGGGEEEE` to VR and value. Numbers are US or SS, by VR; arrays of element lists are items. */
export type Elements = Readonly<Record<string, readonly [vr: string, value: ElementValue]>>;

export interface Encoding {
  readonly explicit: boolean;
  readonly bigEndian: boolean;
}

export const EXPLICIT: Encoding = { explicit: true, bigEndian: false };
export const IMPLICIT: Encoding = { explicit: false, bigEndian: false };
export const BIG_ENDIAN: Encoding = { explicit: true, bigEndian: true };

export function encodeElements(elements: Elements, encoding: Encoding): Buffer {
  const tags = Object.keys(elements).sort();
  return Buffer.concat(
    tags.map((tag) => {
      const entry = elements[tag];
      if (entry === undefined) {
        throw new Error(`no element ${tag}`);
      }
      const [vr, value] = entry;
      const body = encodeValue(vr, value, encoding);
      return Buffer.concat([encodeElementHeader(tag, vr, body.length, encoding), body]);
    }),
  );
}

export function encodeElementHeader(
  tag: string,
  vr: string,
  length: number,
  { explicit, bigEndian }: Encoding,
): Buffer {
  const group = parseInt(tag.slice(0, 4), 16);
  const element = parseInt(tag.slice(4), 16);
  const long = !explicit || LONG_VRS.has(vr);
  const header = Buffer.alloc(explicit && long ? 12 : 8);
  const write16 = (value: number, at: number) =>
    bigEndian ? header.writeUInt16BE(value, at) : header.writeUInt16LE(value, at);
  const write32 = (value: number, at: number) =>
    bigEndian ? header.writeUInt32BE(value, at) : header.writeUInt32LE(value, at);
  write16(group, 0);
  write16(element, 2);
  if (explicit) {
    header.write(vr, 4, 'latin1');
  }
  if (long) {
    write32(length, explicit ? 8 : 4);
  } else {
    write16(length, 6);
  }
  return header;
}

/** Encapsulated Pixel Data as an element of undefined length. Source: PS3.5 A.4. */
export function encodeFragments(
  fragments: readonly Uint8Array[],
  offsetTable: readonly number[] = [],
  delimiter = true,
): Buffer {
  const table = Buffer.alloc(4 * offsetTable.length);
  offsetTable.forEach((offset, index) => table.writeUInt32LE(offset, 4 * index));
  return Buffer.concat([
    encodeElementHeader('7fe00010', 'OB', 0xffffffff, EXPLICIT),
    ...[table, ...fragments].flatMap((bytes) => [itemHeader(0xe000, bytes.length), bytes]),
    delimiter ? itemHeader(0xe0dd, 0) : Buffer.alloc(0),
  ]);
}

/** Preamble, DICM and File Meta Information. */
export function encodeMeta(TransferSyntaxUID: string): Buffer {
  const meta = encodeElements(
    {
      '00020002': ['UI', UIDS.ComputedRadiographyImageStorage],
      '00020003': ['UI', '1.2.3.4.5'],
      '00020010': ['UI', TransferSyntaxUID],
    },
    EXPLICIT,
  );
  const groupLength = encodeElementHeader('00020000', 'UL', 4, EXPLICIT);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(meta.length);
  return Buffer.concat([Buffer.alloc(128), Buffer.from('DICM'), groupLength, length, meta]);
}

/** A small CR chest with every mandatory attribute, 4 columns by 3 rows of 16 bits; override by tag. */
export function chestElements(overrides: Elements = {}): Elements {
  const pixels = Buffer.alloc(24);
  for (let index = 0; index < 12; index += 1) {
    pixels.writeUInt16LE(index * 100, 2 * index);
  }
  return {
    '00080016': ['UI', UIDS.ComputedRadiographyImageStorage],
    '00080018': ['UI', '1.2.3.4.5'],
    '00080060': ['CS', 'CR'],
    '00180015': ['CS', 'CHEST'],
    '00185101': ['CS', 'PA'],
    '0020000d': ['UI', '1.2.3'],
    '0020000e': ['UI', '1.2.3.4'],
    '00280002': ['US', 1],
    '00280004': ['CS', 'MONOCHROME2'],
    '00280010': ['US', 3],
    '00280011': ['US', 4],
    '00280100': ['US', 16],
    '00280101': ['US', 12],
    '00280102': ['US', 11],
    '00280103': ['US', 0],
    '7fe00010': ['OW', pixels],
    ...overrides,
  };
}

/** A whole file, explicit little endian. */
export function chestFile(overrides: Elements = {}): Buffer {
  return Buffer.concat([
    encodeMeta(UIDS.ExplicitVRLittleEndian),
    encodeElements(chestElements(overrides), EXPLICIT),
  ]);
}

function itemHeader(element: number, length: number): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt16LE(0xfffe, 0);
  header.writeUInt16LE(element, 2);
  header.writeUInt32LE(length, 4);
  return header;
}

function encodeValue(vr: string, value: ElementValue, encoding: Encoding): Buffer {
  if (typeof value === 'string') {
    const text = Buffer.from(value, 'latin1');
    const padding = vr === 'UI' ? '\0' : ' ';
    return text.length % 2 === 0 ? text : Buffer.concat([text, Buffer.from(padding)]);
  }
  if (value instanceof Uint8Array) {
    return Buffer.from(value);
  }
  const values = typeof value === 'number' ? [value] : value;
  const items = values.filter((item) => typeof item !== 'number');
  if (vr === 'SQ') {
    return Buffer.concat(
      items.map((item) => {
        const body = encodeElements(item, encoding);
        const header = itemHeader(0xe000, body.length);
        if (encoding.bigEndian) {
          header.subarray(0, 4).swap16();
          header.subarray(4).swap32();
        }
        return Buffer.concat([header, body]);
      }),
    );
  }
  const numbers = values.filter((item) => typeof item === 'number');
  const bytes = Buffer.alloc(2 * numbers.length);
  numbers.forEach((number, index) => {
    const unsigned = number & 0xffff;
    if (encoding.bigEndian) {
      bytes.writeUInt16BE(unsigned, 2 * index);
    } else {
      bytes.writeUInt16LE(unsigned, 2 * index);
    }
  });
  return bytes;
}
