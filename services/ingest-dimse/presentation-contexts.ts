import { ACCEPTED_SOP_CLASSES } from '../../core/dicom/sop-classes.js';
import type { TransferSyntaxUid } from '../../core/dicom/transfer-syntaxes.js';
import { STORAGE_COMMITMENT_PUSH } from '../../core/dimse/storage-commitment.js';

export const VERIFICATION = '1.2.840.10008.1.1';

/** For messages without pixels. */
export const PLAIN_TRANSFER_SYNTAXES: readonly TransferSyntaxUid[] = [
  '1.2.840.10008.1.2.1',
  '1.2.840.10008.1.2',
];

/**
 * What we accept: each abstract syntax with its transfer syntaxes. Images only as what we can decode, so that
 * a sender converts what it can convert and learns at once about what it cannot.
 */
export function acceptedContexts(
  decodable: ReadonlySet<TransferSyntaxUid>,
): ReadonlyMap<string, ReadonlySet<string>> {
  const plain = new Set<string>(PLAIN_TRANSFER_SYNTAXES);
  return new Map<string, ReadonlySet<string>>([
    [VERIFICATION, plain],
    [STORAGE_COMMITMENT_PUSH, plain],
    ...Object.keys(ACCEPTED_SOP_CLASSES).map((uid) => [uid, decodable] as const),
  ]);
}
