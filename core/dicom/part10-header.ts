/** Ours, under the UID root of UUIDs; never to change, as nothing of this header may (see below). */
export const IMPLEMENTATION_CLASS_UID = '2.25.297672831469664535897963257791674693397';
export const IMPLEMENTATION_VERSION_NAME = 'PREREAD';

/** VRs of the File Meta Information whose length field has 32 bits. */
const LONG_VRS: ReadonlySet<string> = new Set(['OB']);

/**
 * Preamble and File Meta Information for a data set that came without (C-STORE). Source: PS3.10 7.1.
 *
 * It holds nothing that another sending of the same object, by another peer or to a later version of this
 * software, would make different: the same data set is always the same file.
 */
export function part10Header(object: {
  readonly SOPClassUID: string;
  readonly SOPInstanceUID: string;
  readonly TransferSyntaxUID: string;
}): Buffer {
  const elements = Buffer.concat([
    element(0x0001, 'OB', Buffer.from([0, 1])),
    element(0x0002, 'UI', padded(object.SOPClassUID, '\0')),
    element(0x0003, 'UI', padded(object.SOPInstanceUID, '\0')),
    element(0x0010, 'UI', padded(object.TransferSyntaxUID, '\0')),
    element(0x0012, 'UI', padded(IMPLEMENTATION_CLASS_UID, '\0')),
    element(0x0013, 'SH', padded(IMPLEMENTATION_VERSION_NAME, ' ')),
  ]);
  const groupLength = Buffer.alloc(4);
  groupLength.writeUInt32LE(elements.length);
  return Buffer.concat([
    Buffer.alloc(128),
    Buffer.from('DICM', 'latin1'),
    element(0x0000, 'UL', groupLength),
    elements,
  ]);
}

function padded(text: string, padding: string): Buffer {
  return Buffer.from(text.length % 2 === 0 ? text : `${text}${padding}`, 'latin1');
}

function element(number: number, vr: string, value: Buffer): Buffer {
  const isLong = LONG_VRS.has(vr);
  const header = Buffer.alloc(isLong ? 12 : 8);
  header.writeUInt16LE(0x0002, 0);
  header.writeUInt16LE(number, 2);
  header.write(vr, 4, 'latin1');
  if (isLong) {
    header.writeUInt32LE(value.length, 8);
  } else {
    header.writeUInt16LE(value.length, 6);
  }
  return Buffer.concat([header, value]);
}
