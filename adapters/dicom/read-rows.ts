import type { PixelHeader } from '../../core/dicom/instance-header.js';
import { PipelineError } from '../../core/errors.js';
import type { ImageRows } from '../../core/imaging/image-rows.js';
import { sampleFormat } from '../../core/imaging/image-rows.js';
import { parseDataSet } from './data-set.js';
import type { ParsedDataSet } from './data-set.js';
import { isPlain, openFrame, requireDecodable } from './decode-frame.js';
import type { DecodeOptions } from './decoders/frame-decoder.js';
import { hasPrefix } from './file-meta.js';
import type { ImageFile } from './image-file.js';
import { locatePixelData } from './pixel-data.js';
import { readPixelHeader } from './pixel-header.js';

/** Headers are shorter than this as a rule; longer ones are read on. */
export const FIRST_BYTES = 64 * 1024;

/** The image of an object whose header has been read. */
export interface LocatedRows {
  readonly pixels: PixelHeader;
  /** Throws what `decodeFrame` throws. */
  readonly open: (options: DecodeOptions) => Promise<ImageRows>;
}

/** Reads as much of a file as its header takes, all of it when it is deflated. Throws as `parseDataSet`. */
export function readToPixelData(file: ImageFile, maxInflatedBytes: number): ParsedDataSet {
  for (let length = FIRST_BYTES; ; length *= 4) {
    const bytes = file.readStart(length);
    const complete = bytes.length === file.sizeBytes;
    const parsed = parseDataSet(bytes, complete, { bare: !hasPrefix(bytes), maxInflatedBytes });
    if (parsed !== undefined && (complete || !parsed.inflated)) {
      return parsed;
    }
    if (parsed?.inflated === true) {
      length = file.sizeBytes;
    }
  }
}

/**
 * Finds an image's pixels in its file. Native Pixel Data (PS3.5 8.1) of one little endian sample is left there
 * and read row by row: only the rows that are asked for, and never the image as a whole. Anything else is read.
 *
 * Throws `pixel-data-missing`, and as `readPixelHeader` and `locatePixelData`.
 */
export function locateRows(file: ImageFile, parsed: ParsedDataSet): LocatedRows {
  const { pixelData, TransferSyntaxUID, inflated } = parsed;
  if (pixelData === undefined) {
    throw new PipelineError('pixel-data-missing');
  }
  const pixels = readPixelHeader(parsed.dataSet);
  const { length, offset } = pixelData;
  if (length !== undefined && length > 0 && !inflated && !parsed.bigEndian && isPlain(pixels)) {
    if (offset + length > file.sizeBytes) {
      throw new PipelineError('dicom-truncated', 'The Pixel Data is cut off.');
    }
    return {
      pixels,
      open: async (options) => {
        requireDecodable({ TransferSyntaxUID, pixels, pixelData: { kind: 'native' } }, options);
        return Promise.resolve(nativeRows(file, { offset, length }, pixels));
      },
    };
  }
  const whole = inflated ? parsed : { ...parsed, bytes: file.readStart(file.sizeBytes) };
  const encoded = { TransferSyntaxUID, pixels, pixelData: locatePixelData(whole, pixels) };
  return { pixels, open: (options) => openFrame(encoded, options) };
}

function nativeRows(
  file: ImageFile,
  value: { readonly offset: number; readonly length: number },
  header: PixelHeader,
): ImageRows {
  const { Rows: height, Columns: width } = header;
  const format = sampleFormat(header);
  const rowBytes = width * format.bytes;
  if (value.length < height * rowBytes) {
    throw new PipelineError(
      'pixel-data-corrupt',
      'The Pixel Data is shorter than its header says.',
    );
  }
  return {
    ...{ width, height, header, fromColour: false, reduction: 0, format },
    begin: (kernel) => ({
      read(to, firstRow, count) {
        file.readInto(kernel.bytes(to, count * rowBytes), value.offset + firstRow * rowBytes);
      },
      end() {},
    }),
  };
}
