/** Every transfer syntax we know, by UID. Source: PS3.5 Annex A, PS3.6 Annex A. */
export const TRANSFER_SYNTAXES = {
  '1.2.840.10008.1.2': { keyword: 'ImplicitVRLittleEndian', encapsulated: false },
  '1.2.840.10008.1.2.1': { keyword: 'ExplicitVRLittleEndian', encapsulated: false },
  '1.2.840.10008.1.2.1.99': { keyword: 'DeflatedExplicitVRLittleEndian', encapsulated: false },
  '1.2.840.10008.1.2.2': { keyword: 'ExplicitVRBigEndian', encapsulated: false },
  '1.2.840.10008.1.2.5': { keyword: 'RLELossless', encapsulated: true },
  '1.2.840.10008.1.2.4.50': { keyword: 'JPEGBaseline8Bit', encapsulated: true },
  '1.2.840.10008.1.2.4.51': { keyword: 'JPEGExtended12Bit', encapsulated: true },
  '1.2.840.10008.1.2.4.57': { keyword: 'JPEGLossless', encapsulated: true },
  '1.2.840.10008.1.2.4.70': { keyword: 'JPEGLosslessSV1', encapsulated: true },
  '1.2.840.10008.1.2.4.80': { keyword: 'JPEGLSLossless', encapsulated: true },
  '1.2.840.10008.1.2.4.81': { keyword: 'JPEGLSNearLossless', encapsulated: true },
  '1.2.840.10008.1.2.4.90': { keyword: 'JPEG2000Lossless', encapsulated: true },
  '1.2.840.10008.1.2.4.91': { keyword: 'JPEG2000', encapsulated: true },
  '1.2.840.10008.1.2.4.201': { keyword: 'HTJ2KLossless', encapsulated: true },
  '1.2.840.10008.1.2.4.202': { keyword: 'HTJ2KLosslessRPCL', encapsulated: true },
  '1.2.840.10008.1.2.4.203': { keyword: 'HTJ2K', encapsulated: true },
} as const;

export type TransferSyntaxUid = keyof typeof TRANSFER_SYNTAXES;

export function isTransferSyntax(uid: string): uid is TransferSyntaxUid {
  return Object.hasOwn(TRANSFER_SYNTAXES, uid);
}
