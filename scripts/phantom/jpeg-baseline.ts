import sharp from 'sharp';

import { JPEG_BASELINE_8BIT, type EncodedImage, type GreyImage } from './phantom-dicom.js';

/**
 * A grey image as one JPEG baseline codestream of one component. Images of more than 8 bits lose their
 * lowest bits first: baseline has no others.
 */
export async function encodeJpegBaseline(image: GreyImage, quality = 95): Promise<EncodedImage> {
  const { Rows, Columns, BitsStored, PhotometricInterpretation, pixels } = image;
  const shift = Math.max(0, BitsStored - 8);
  const bytes = Uint8Array.from(pixels, (value) => value >> shift);
  const codestream = await sharp(bytes, { raw: { width: Columns, height: Rows, channels: 1 } })
    .toColourspace('b-w')
    .jpeg({ quality, progressive: false })
    .toBuffer();
  return {
    Rows,
    Columns,
    BitsStored: 8,
    ...(PhotometricInterpretation && { PhotometricInterpretation }),
    frames: [codestream],
    TransferSyntaxUID: JPEG_BASELINE_8BIT,
    lossyRatio: bytes.length / codestream.length,
  };
}
