/**
 * Text of a data set by its Specific Character Set (0008,0005): single-byte sets, multi-byte sets without
 * code extensions, and the ISO 2022 code extensions of Japanese, Korean and Chinese. Source: PS3.3
 * C.12.1.1.2, PS3.5 6.1.
 *
 * What cannot be decoded becomes U+FFFD: a name with a hole is better than no name.
 */
const SINGLE: Readonly<Record<string, string>> = {
  '': 'latin1',
  'ISO_IR 6': 'latin1',
  'ISO_IR 100': 'iso-8859-1',
  'ISO_IR 101': 'iso-8859-2',
  'ISO_IR 109': 'iso-8859-3',
  'ISO_IR 110': 'iso-8859-4',
  'ISO_IR 144': 'iso-8859-5',
  'ISO_IR 127': 'iso-8859-6',
  'ISO_IR 126': 'iso-8859-7',
  'ISO_IR 138': 'iso-8859-8',
  'ISO_IR 148': 'iso-8859-9',
  'ISO_IR 203': 'iso-8859-15',
  'ISO_IR 13': 'shift_jis',
  'ISO_IR 166': 'windows-874',
  'ISO_IR 192': 'utf-8',
  GB18030: 'gb18030',
  GBK: 'gbk',
};

const ESCAPE = 0x1b;

/**
 * Escape sequences (after ESC), and how bytes that follow are decoded. Those of 94-character sets in G0
 * (JIS) are handed to the decoder with their escape; those in G1 have the high bit set and are decoded by
 * an encoding that contains them.
 */
const ESCAPES: readonly { readonly escape: string; readonly decode: (bytes: Buffer) => string }[] =
  [
    { escape: '(B', decode: (bytes) => decodeWith('iso-8859-1', bytes) },
    { escape: '(J', decode: (bytes) => decodeWith('shift_jis', bytes) },
    { escape: ')I', decode: (bytes) => decodeWith('shift_jis', bytes) },
    { escape: '$B', decode: (bytes) => decodeJis('$B', bytes) },
    { escape: '$(D', decode: decodeJisX0212 },
    { escape: '$)C', decode: (bytes) => decodeWith('euc-kr', bytes) },
    { escape: '$)A', decode: (bytes) => decodeWith('gbk', bytes) },
    { escape: '-A', decode: (bytes) => decodeWith('iso-8859-1', bytes) },
    { escape: '-B', decode: (bytes) => decodeWith('iso-8859-2', bytes) },
    { escape: '-C', decode: (bytes) => decodeWith('iso-8859-3', bytes) },
    { escape: '-D', decode: (bytes) => decodeWith('iso-8859-4', bytes) },
    { escape: '-L', decode: (bytes) => decodeWith('iso-8859-5', bytes) },
    { escape: '-G', decode: (bytes) => decodeWith('iso-8859-6', bytes) },
    { escape: '-F', decode: (bytes) => decodeWith('iso-8859-7', bytes) },
    { escape: '-H', decode: (bytes) => decodeWith('iso-8859-8', bytes) },
    { escape: '-M', decode: (bytes) => decodeWith('iso-8859-9', bytes) },
    { escape: '-T', decode: (bytes) => decodeWith('windows-874', bytes) },
  ];

/** @param SpecificCharacterSet its values; none means ASCII, read as Latin-1 because senders forget it */
export function decodeText(bytes: Uint8Array, SpecificCharacterSet: readonly string[]): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const first = (SpecificCharacterSet[0] ?? '').replace(/^ISO 2022 IR /, 'ISO_IR ');
  const initial = SINGLE[first] ?? 'utf-8';
  return buffer.includes(ESCAPE) ? decodeIso2022(buffer, initial) : decodeWith(initial, buffer);
}

function decodeIso2022(buffer: Buffer, initial: string): string {
  const [head = Buffer.alloc(0), ...rest] = split(buffer);
  const decoded = rest.map((segment) => {
    const known = ESCAPES.find(({ escape }) => segment.toString('latin1', 0, 3).startsWith(escape));
    return known === undefined
      ? decodeWith(initial, segment)
      : decodeSegment(segment.subarray(known.escape.length), known.decode, initial);
  });
  return decodeWith(initial, head) + decoded.join('');
}

/** Delimiters of values and components return to the initial set. Source: PS3.5 6.1.2.5.3. */
function decodeSegment(bytes: Buffer, decode: (bytes: Buffer) => string, initial: string): string {
  const end = bytes.findIndex((byte) => [0x0a, 0x0d, 0x09, 0x0c].includes(byte));
  return end < 0
    ? decode(bytes)
    : decode(bytes.subarray(0, end)) + decodeWith(initial, bytes.subarray(end));
}

function split(buffer: Buffer): Buffer[] {
  const parts: Buffer[] = [];
  let start = 0;
  for (let at = buffer.indexOf(ESCAPE); at >= 0; at = buffer.indexOf(ESCAPE, start)) {
    parts.push(buffer.subarray(start, at));
    start = at + 1;
  }
  return [...parts, buffer.subarray(start)];
}

function decodeWith(encoding: string, bytes: Buffer): string {
  return encoding === 'latin1' ? bytes.toString('latin1') : new TextDecoder(encoding).decode(bytes);
}

function decodeJis(escape: string, bytes: Buffer): string {
  return decodeWith('iso-2022-jp', Buffer.concat([Buffer.from(`\x1b${escape}`, 'latin1'), bytes]));
}

/** JIS X 0212 is in EUC-JP behind 0x8F. */
function decodeJisX0212(bytes: Buffer): string {
  const pairs = [];
  for (let at = 0; at + 1 < bytes.length; at += 2) {
    pairs.push(0x8f, bytes.readUInt8(at) | 0x80, bytes.readUInt8(at + 1) | 0x80);
  }
  return decodeWith('euc-jp', Buffer.from(pairs));
}
