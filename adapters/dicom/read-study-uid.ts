import type { DicomUid } from '../../core/dicom/uid.js';
import { readHeaderPrefix } from './read-dicom.js';

/**
 * Study Instance UID from the first bytes of a Part 10 file; undefined when they end before Pixel Data begins,
 * or are no DICOM: what is wrong with an object is told when it is there as a whole.
 */
export function readStudyInstanceUID(head: Uint8Array): DicomUid | undefined {
  try {
    const result = readHeaderPrefix(head, false);
    return result.kind === 'read' ? result.header.StudyInstanceUID : undefined;
  } catch {
    return undefined;
  }
}
