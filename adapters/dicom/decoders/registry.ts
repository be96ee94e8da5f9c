import {
  TRANSFER_SYNTAXES,
  type TransferSyntaxUid,
} from '../../../core/dicom/transfer-syntaxes.js';
import type { Codestream } from './codestream.js';
import type { FrameDecoder, RowDecoder } from './frame-decoder.js';
import { decodeJpegBaseline } from './jpeg-baseline.js';
import { decodeJpegLossless, openJpegLossless } from './jpeg-lossless.js';
import { decodeJpegLs, openJpegLs } from './jpeg-ls.js';
import { decodeHtj2k, decodeJpeg2000 } from './jpeg2000.js';
import { decodeRle, openRle } from './rle.js';

/** The decoder of every encapsulated transfer syntax that we decode. */
export const FRAME_DECODERS: Partial<Record<TransferSyntaxUid, FrameDecoder<Codestream>>> = {
  '1.2.840.10008.1.2.5': inMemory(decodeRle),
  '1.2.840.10008.1.2.4.50': inMemory(decodeJpegBaseline),
  '1.2.840.10008.1.2.4.51': inMemory(decodeJpegBaseline),
  '1.2.840.10008.1.2.4.57': inMemory(decodeJpegLossless),
  '1.2.840.10008.1.2.4.70': inMemory(decodeJpegLossless),
  '1.2.840.10008.1.2.4.80': inMemory(decodeJpegLs),
  '1.2.840.10008.1.2.4.81': inMemory(decodeJpegLs),
  '1.2.840.10008.1.2.4.90': decodeJpeg2000,
  '1.2.840.10008.1.2.4.91': decodeJpeg2000,
  '1.2.840.10008.1.2.4.201': decodeHtj2k,
  '1.2.840.10008.1.2.4.202': decodeHtj2k,
  '1.2.840.10008.1.2.4.203': decodeHtj2k,
};

/** Those that can also be decoded row by row, as long as there is one component. */
export const ROW_DECODERS: Partial<Record<TransferSyntaxUid, RowDecoder<Codestream>>> = {
  '1.2.840.10008.1.2.5': openRle,
  '1.2.840.10008.1.2.4.57': inMemory(openJpegLossless),
  '1.2.840.10008.1.2.4.70': inMemory(openJpegLossless),
  '1.2.840.10008.1.2.4.80': inMemory(openJpegLs),
  '1.2.840.10008.1.2.4.81': inMemory(openJpegLs),
};

/** Every transfer syntax that can be read: the uncompressed ones, and those that have a decoder. */
export const DECODABLE_TRANSFER_SYNTAXES: ReadonlySet<TransferSyntaxUid> = new Set(
  (Object.keys(TRANSFER_SYNTAXES) as TransferSyntaxUid[]).filter(
    (uid) => !TRANSFER_SYNTAXES[uid].encapsulated || uid in FRAME_DECODERS,
  ),
);

/** For a decoder that wants the codestream in memory. */
function inMemory<Rest extends readonly unknown[], T>(
  decode: (codestream: Uint8Array, ...rest: Rest) => T,
): (codestream: Codestream, ...rest: Rest) => T {
  return (codestream, ...rest) => decode(codestream.bytes(), ...rest);
}
