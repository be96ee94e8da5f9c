import { readFile } from 'node:fs/promises';

import { decodeFrame } from '../../adapters/dicom/decode-frame.js';
import { hasPrefix } from '../../adapters/dicom/file-meta.js';
import { DEFAULT_IMAGE_LIMITS } from '../../adapters/dicom/prepare-image.js';
import { readDicomHeader } from '../../adapters/dicom/read-dicom.js';
import type { DecodedImage } from '../../core/imaging/decoded-image.js';

/** The first frame of a DICOM file, whatever it shows. Rejects for one that cannot be decoded. */
export async function decodeFirstFrame(path: string): Promise<DecodedImage> {
  const bytes = await readFile(path);
  const object = readDicomHeader(bytes, {
    bare: !hasPrefix(bytes),
    maxInflatedBytes: DEFAULT_IMAGE_LIMITS.maxInflatedBytes,
  });
  const { pixels, pixelData } = object.readPixels();
  const { TransferSyntaxUID } = object.header;
  return decodeFrame({ TransferSyntaxUID, pixels, pixelData }, 0, DEFAULT_IMAGE_LIMITS);
}
