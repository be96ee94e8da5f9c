import type { TransferSyntaxUid } from '../../../core/dicom/transfer-syntaxes.js';
import type { FrameDecoder } from './frame-decoder.js';
import { decodeJpegBaseline } from './jpeg-baseline.js';

/** The decoder of every encapsulated transfer syntax that we decode. */
export const FRAME_DECODERS: Partial<Record<TransferSyntaxUid, FrameDecoder>> = {
  '1.2.840.10008.1.2.4.50': decodeJpegBaseline,
  '1.2.840.10008.1.2.4.51': decodeJpegBaseline,
};
