import type { DicomUid } from '../../core/dicom/uid.js';
import type { PixelHeader } from '../../core/dicom/instance-header.js';
import { isTransferSyntax, TRANSFER_SYNTAXES } from '../../core/dicom/transfer-syntaxes.js';
import type { TransferSyntaxUid } from '../../core/dicom/transfer-syntaxes.js';
import { PipelineError } from '../../core/errors.js';
import type { DecodedImage } from '../../core/imaging/decoded-image.js';
import type { ImageRows } from '../../core/imaging/image-rows.js';
import { rowsOf } from '../../core/imaging/image-rows.js';
import { codestreamOf } from './decoders/codestream.js';
import type { Codestream } from './decoders/codestream.js';
import type { DecodeOptions } from './decoders/frame-decoder.js';
import { FRAME_DECODERS, ROW_DECODERS } from './decoders/registry.js';
import { toDecodedImage } from './decoders/stored-values.js';
import { decodeUncompressed } from './decoders/uncompressed.js';
import { fragmentsOfFrame } from './pixel-data.js';
import type { PixelData } from './pixel-data.js';

export interface EncodedImage {
  readonly TransferSyntaxUID: DicomUid;
  readonly pixels: PixelHeader;
  readonly pixelData: PixelData;
}

/**
 * One frame (0 is the first) as stored values. Throws `image-too-large`, `transfer-syntax-unsupported`,
 * `pixel-format-unsupported`, `pixel-data-corrupt`.
 */
export async function decodeFrame(
  image: EncodedImage,
  frame: number,
  options: DecodeOptions,
): Promise<DecodedImage> {
  const { pixels: header, pixelData } = image;
  const TransferSyntaxUID = requireDecodable(image, options);
  if (pixelData.kind === 'native') {
    return toDecodedImage(decodeUncompressed(pixelData, header, frame), header);
  }
  return decodeCodestream(
    TransferSyntaxUID,
    joinFragments(pixelData, frame, header),
    header,
    options,
  );
}

/** The first frame for reading from top to bottom, where it can be decoded so without the image in memory. */
export async function openFrame(image: EncodedImage, options: DecodeOptions): Promise<ImageRows> {
  const { pixels: header, pixelData } = image;
  const TransferSyntaxUID = requireDecodable(image, options);
  return pixelData.kind === 'native'
    ? rowsOf(await decodeFrame(image, 0, options))
    : openCodestream(TransferSyntaxUID, joinFragments(pixelData, 0, header), header, options);
}

/** The same of an image whose codestream is known. */
export async function openCodestream(
  TransferSyntaxUID: TransferSyntaxUid,
  codestream: Codestream,
  header: PixelHeader,
  options: DecodeOptions,
): Promise<ImageRows> {
  const open = isPlain(header) ? ROW_DECODERS[TransferSyntaxUID] : undefined;
  return (
    open?.(codestream, header) ??
    rowsOf(await decodeCodestream(TransferSyntaxUID, codestream, header, options))
  );
}

async function decodeCodestream(
  TransferSyntaxUID: TransferSyntaxUid,
  codestream: Codestream,
  header: PixelHeader,
  options: DecodeOptions,
): Promise<DecodedImage> {
  const decode = FRAME_DECODERS[TransferSyntaxUID];
  if (decode === undefined) {
    throw new PipelineError('transfer-syntax-unsupported');
  }
  return toDecodedImage(await decode(codestream, header, options), header);
}

/** Whether a pixel is one sample of 8 or 16 bits that is a grey level. */
export function isPlain(header: PixelHeader): boolean {
  return (
    (header.BitsAllocated === 8 || header.BitsAllocated === 16) &&
    header.SamplesPerPixel === 1 &&
    header.PhotometricInterpretation !== 'PALETTE COLOR'
  );
}

function joinFragments(
  pixelData: Extract<PixelData, { kind: 'encapsulated' }>,
  frame: number,
  header: PixelHeader,
): Codestream {
  const fragments = fragmentsOfFrame(pixelData, frame, header.NumberOfFrames);
  const joined = fragments.length === 1 ? fragments[0] : Buffer.concat(fragments);
  if (joined === undefined || joined.length === 0) {
    throw new PipelineError('pixel-data-corrupt', 'The Pixel Data has no fragments.');
  }
  return codestreamOf(joined);
}

/** The checks that come before anything is allocated. Throws as `decodeFrame`. */
export function requireDecodable(
  image: Omit<EncodedImage, 'pixelData'> & { readonly pixelData: Pick<PixelData, 'kind'> },
  { maxPixels }: DecodeOptions,
): TransferSyntaxUid {
  const { Rows, Columns } = image.pixels;
  const TransferSyntaxUID: string = image.TransferSyntaxUID;
  if (Rows * Columns > maxPixels) {
    throw new PipelineError('image-too-large', undefined, {
      context: { Rows, Columns, maxPixels },
    });
  }
  if (!isTransferSyntax(TransferSyntaxUID)) {
    throw new PipelineError('transfer-syntax-unsupported');
  }
  const { encapsulated } = TRANSFER_SYNTAXES[TransferSyntaxUID];
  if (encapsulated !== (image.pixelData.kind === 'encapsulated')) {
    throw new PipelineError('pixel-data-corrupt', 'Pixel Data contradicts the transfer syntax.');
  }
  return TransferSyntaxUID;
}
