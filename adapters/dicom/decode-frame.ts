import type { DicomUid } from '../../core/dicom/uid.js';
import type { PixelHeader } from '../../core/dicom/instance-header.js';
import { isTransferSyntax, TRANSFER_SYNTAXES } from '../../core/dicom/transfer-syntaxes.js';
import type { TransferSyntaxUid } from '../../core/dicom/transfer-syntaxes.js';
import { PipelineError } from '../../core/errors.js';
import type { DecodedImage } from '../../core/imaging/decoded-image.js';
import type { ImageRows } from '../../core/imaging/image-rows.js';
import { rowsOf } from '../../core/imaging/image-rows.js';
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
  const decode = FRAME_DECODERS[TransferSyntaxUID];
  if (decode === undefined) {
    throw new PipelineError('transfer-syntax-unsupported');
  }
  const codestream = codestreamOf(pixelData, frame, header);
  return toDecodedImage(await decode(codestream, header, options), header);
}

/** The first frame for reading from top to bottom, where it can be decoded so without the image in memory. */
export async function openFrame(image: EncodedImage, options: DecodeOptions): Promise<ImageRows> {
  const { pixels: header, pixelData } = image;
  const open = ROW_DECODERS[requireDecodable(image, options)];
  if (open === undefined || pixelData.kind === 'native' || !isPlain(header)) {
    return rowsOf(await decodeFrame(image, 0, options));
  }
  const rows = open(codestreamOf(pixelData, 0, header), header);
  return rows ?? rowsOf(await decodeFrame(image, 0, options));
}

/** Whether a pixel is one sample of 8 or 16 bits that is a grey level. */
export function isPlain(header: PixelHeader): boolean {
  return (
    (header.BitsAllocated === 8 || header.BitsAllocated === 16) &&
    header.SamplesPerPixel === 1 &&
    header.PhotometricInterpretation !== 'PALETTE COLOR'
  );
}

function codestreamOf(
  pixelData: Extract<PixelData, { kind: 'encapsulated' }>,
  frame: number,
  header: PixelHeader,
): Uint8Array {
  const fragments = fragmentsOfFrame(pixelData, frame, header.NumberOfFrames);
  const codestream = fragments.length === 1 ? fragments[0] : Buffer.concat(fragments);
  if (codestream === undefined || codestream.length === 0) {
    throw new PipelineError('pixel-data-corrupt', 'The Pixel Data has no fragments.');
  }
  return codestream;
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
