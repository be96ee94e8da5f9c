import {
  TRANSFER_SYNTAXES,
  type TransferSyntaxUid,
} from '../../../core/dicom/transfer-syntaxes.js';
import type { FrameDecoder, RowDecoder } from './frame-decoder.js';
import { decodeJpegBaseline } from './jpeg-baseline.js';
import { decodeJpegLossless, openJpegLossless } from './jpeg-lossless.js';
import { decodeJpegLs, openJpegLs } from './jpeg-ls.js';
import { decodeHtj2k, decodeJpeg2000 } from './jpeg2000.js';
import { decodeRle, openRle } from './rle.js';

/** The decoder of every encapsulated transfer syntax that we decode. */
export const FRAME_DECODERS: Partial<Record<TransferSyntaxUid, FrameDecoder>> = {
  '1.2.840.10008.1.2.5': decodeRle,
  '1.2.840.10008.1.2.4.50': decodeJpegBaseline,
  '1.2.840.10008.1.2.4.51': decodeJpegBaseline,
  '1.2.840.10008.1.2.4.57': decodeJpegLossless,
  '1.2.840.10008.1.2.4.70': decodeJpegLossless,
  '1.2.840.10008.1.2.4.80': decodeJpegLs,
  '1.2.840.10008.1.2.4.81': decodeJpegLs,
  '1.2.840.10008.1.2.4.90': decodeJpeg2000,
  '1.2.840.10008.1.2.4.91': decodeJpeg2000,
  '1.2.840.10008.1.2.4.201': decodeHtj2k,
  '1.2.840.10008.1.2.4.202': decodeHtj2k,
  '1.2.840.10008.1.2.4.203': decodeHtj2k,
};

/** Those that can also be decoded row by row, as long as there is one component. */
export const ROW_DECODERS: Partial<Record<TransferSyntaxUid, RowDecoder>> = {
  '1.2.840.10008.1.2.5': openRle,
  '1.2.840.10008.1.2.4.57': openJpegLossless,
  '1.2.840.10008.1.2.4.70': openJpegLossless,
  '1.2.840.10008.1.2.4.80': openJpegLs,
  '1.2.840.10008.1.2.4.81': openJpegLs,
};

/** Every transfer syntax that can be read: the uncompressed ones, and those that have a decoder. */
export const DECODABLE_TRANSFER_SYNTAXES: ReadonlySet<TransferSyntaxUid> = new Set(
  (Object.keys(TRANSFER_SYNTAXES) as TransferSyntaxUid[]).filter(
    (uid) => !TRANSFER_SYNTAXES[uid].encapsulated || uid in FRAME_DECODERS,
  ),
);
