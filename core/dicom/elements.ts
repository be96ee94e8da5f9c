/**
 * Data elements as they are written, and their encoding in Explicit VR Little Endian (PS3.5 7.1.2).
 *
 * A writer of our own, because what we make carries the patient's attributes byte for byte as they came,
 * in whatever character set: libraries decode and encode them, and lose some on the way.
 */
export interface DataElement {
  /** 0xggggeeee. */
  readonly tag: number;
  readonly vr: string;
  /** Bytes of the value without padding, or the items of a sequence. */
  readonly value: Uint8Array | readonly (readonly DataElement[])[];
}

/** VRs whose length takes 32 bits. Source: PS3.5 7.1.2. */
export const LONG_VRS: ReadonlySet<string> = new Set(
  'OB OD OF OL OV OW SQ SV UC UN UR UT UV'.split(' '),
);
const ITEM = 0xfffee000;
/** Binary and UID values are padded with NUL, text with a space. Source: PS3.5 6.2. */
const NUL_PADDED: ReadonlySet<string> = new Set(['UI', 'OB', 'UN']);

/** Longest value of text VRs, in characters. Source: PS3.5 6.2. */
const MAX_LENGTH: Readonly<Record<string, number>> = {
  AE: 16,
  CS: 16,
  DA: 8,
  DS: 16,
  IS: 12,
  LO: 64,
  SH: 16,
  ST: 1024,
  TM: 14,
  UI: 64,
};

/**
 * Text of ours: ASCII, which means the same in every character set that the object may be in.
 * @throws RangeError for other characters and for what is longer than the VR allows: a fault of ours
 */
export function text(tag: number, vr: string, ...values: readonly string[]): DataElement {
  for (const value of values) {
    if (!/^[\x20-\x7e\n]*$/.test(value) || value.length > (MAX_LENGTH[vr] ?? Infinity)) {
      throw new RangeError(`no value of VR ${vr} for ${tagName(tag)}`);
    }
  }
  return { tag, vr, value: Buffer.from(values.join('\\'), 'latin1') };
}

export function uint16(tag: number, ...values: readonly number[]): DataElement {
  const value = Buffer.alloc(2 * values.length);
  values.forEach((number, index) => value.writeUInt16LE(number, 2 * index));
  return { tag, vr: 'US', value };
}

export function int32(tag: number, ...values: readonly number[]): DataElement {
  const value = Buffer.alloc(4 * values.length);
  values.forEach((number, index) => value.writeInt32LE(number, 4 * index));
  return { tag, vr: 'SL', value };
}

export function float32(tag: number, ...values: readonly number[]): DataElement {
  const value = Buffer.alloc(4 * values.length);
  values.forEach((number, index) => value.writeFloatLE(number, 4 * index));
  return { tag, vr: 'FL', value };
}

export function sequence(tag: number, ...items: readonly (readonly DataElement[])[]): DataElement {
  return { tag, vr: 'SQ', value: items };
}

/** A type 2 attribute that nothing is known of. */
export function empty(tag: number, vr: string): DataElement {
  return { tag, vr, value: vr === 'SQ' ? [] : new Uint8Array() };
}

/** A data set: its elements in the order of their tags. A tag twice is a fault of ours. */
export function encodeDataSet(elements: readonly DataElement[]): Buffer {
  const sorted = [...elements].sort((a, b) => a.tag - b.tag);
  sorted.forEach(({ tag }, index) => {
    if (tag === sorted[index + 1]?.tag) {
      throw new RangeError(`${tagName(tag)} twice`);
    }
  });
  return Buffer.concat(sorted.map(encodeElement));
}

export interface Part10Options {
  readonly SOPClassUID: string;
  readonly SOPInstanceUID: string;
  readonly TransferSyntaxUID: string;
  readonly ImplementationClassUID: string;
  readonly ImplementationVersionName: string;
}

/** A Part 10 file around an encoded data set. Source: PS3.10 7.1. */
export function encodePart10(dataSet: Uint8Array, options: Part10Options): Buffer {
  const meta = encodeDataSet([
    { tag: 0x00020001, vr: 'OB', value: Uint8Array.of(0, 1) },
    text(0x00020002, 'UI', options.SOPClassUID),
    text(0x00020003, 'UI', options.SOPInstanceUID),
    text(0x00020010, 'UI', options.TransferSyntaxUID),
    text(0x00020012, 'UI', options.ImplementationClassUID),
    text(0x00020013, 'SH', options.ImplementationVersionName),
  ]);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(meta.length);
  const groupLength = encodeElement({ tag: 0x00020000, vr: 'UL', value: length });
  return Buffer.concat([Buffer.alloc(128), Buffer.from('DICM'), groupLength, meta, dataSet]);
}

function encodeElement({ tag, vr, value }: DataElement): Buffer {
  const body = value instanceof Uint8Array ? padded(value, vr) : encodeItems(value);
  const long = LONG_VRS.has(vr);
  const head = Buffer.alloc(long ? 12 : 8);
  writeTag(head, tag);
  head.write(vr, 4, 'latin1');
  if (long) {
    head.writeUInt32LE(body.length, 8);
  } else {
    head.writeUInt16LE(body.length, 6);
  }
  return Buffer.concat([head, body]);
}

function encodeItems(items: readonly (readonly DataElement[])[]): Buffer {
  return Buffer.concat(
    items.flatMap((item) => {
      const body = encodeDataSet(item);
      const head = Buffer.alloc(8);
      writeTag(head, ITEM);
      head.writeUInt32LE(body.length, 4);
      return [head, body];
    }),
  );
}

function writeTag(target: Buffer, tag: number): void {
  target.writeUInt16LE(tag >>> 16, 0);
  target.writeUInt16LE(tag & 0xffff, 2);
}

function padded(value: Uint8Array, vr: string): Buffer {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  return bytes.length % 2 === 0
    ? bytes
    : Buffer.concat([bytes, Uint8Array.of(NUL_PADDED.has(vr) ? 0 : 0x20)]);
}

function tagName(tag: number): string {
  return `(${(tag >>> 16).toString(16).padStart(4, '0')},${(tag & 0xffff).toString(16).padStart(4, '0')})`;
}
