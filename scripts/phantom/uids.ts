import { createHash } from 'node:crypto';

import { uidFromHex128, type DicomUid } from '../../core/dicom/uid.js';

/**
 * The UID of a thing by its name: the same words give the same UID on every machine. A name-based UUID
 * (version 8, SHA-256) under 2.25. Source: PS3.5 B.2, RFC 9562 5.8.
 */
export function uidFromName(...words: readonly (string | number)[]): DicomUid {
  const bytes = createHash('sha256').update(JSON.stringify(words)).digest().subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return uidFromHex128(bytes.toString('hex'));
}
