import type { PixelHeader } from '../../core/dicom/instance-header.js';
import { PipelineError } from '../../core/errors.js';
import type { ImageRows } from '../../core/imaging/image-rows.js';
import { sampleFormat } from '../../core/imaging/image-rows.js';
import { parseDataSet } from './data-set.js';
import type { ParsedDataSet } from './data-set.js';
import { isPlain, openCodestream, openFrame, requireDecodable } from './decode-frame.js';
import type { Codestream } from './decoders/codestream.js';
import type { DecodeOptions } from './decoders/frame-decoder.js';
import { hasPrefix } from './file-meta.js';
import type { ImageFile } from './image-file.js';
import { ITEM_HEADER_BYTES, locatePixelData, walkFragments } from './pixel-data.js';
import { readPixelHeader } from './pixel-header.js';

/** Headers are shorter than this as a rule; longer ones are read on. */
export const FIRST_BYTES = 64 * 1024;

/** Offset table, fragment and delimiter. */
const ITEMS_WITH_ONE_FRAGMENT = 3;

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
 * and read row by row: only the rows that are asked for, and never the image as a whole. A codestream in one fragment
 * is read where its decoder wants it. Anything else is read as a whole.
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
  const codestream =
    length === undefined && !inflated && pixels.NumberOfFrames === 1
      ? codestreamInFile(file, parsed, offset)
      : undefined;
  if (codestream !== undefined) {
    return {
      pixels,
      open: async (options) => {
        const image = { TransferSyntaxUID, pixels, pixelData: { kind: 'encapsulated' } } as const;
        return openCodestream(requireDecodable(image, options), codestream, pixels, options);
      },
    };
  }
  const whole = inflated ? parsed : { ...parsed, bytes: file.readStart(file.sizeBytes) };
  const encoded = { TransferSyntaxUID, pixels, pixelData: locatePixelData(whole, pixels) };
  return { pixels, open: (options) => openFrame(encoded, options) };
}

/** The codestream of encapsulated Pixel Data with one fragment that holds something. Throws as `walkFragments`. */
function codestreamInFile(
  file: ImageFile,
  { bytes }: ParsedDataSet,
  firstItem: number,
): Codestream | undefined {
  const walk = walkFragments(firstItem, file.sizeBytes);
  let step = walk.next();
  for (let items = 0; step.done !== true; items += 1) {
    if (items === ITEMS_WITH_ONE_FRAGMENT) {
      return undefined;
    }
    const end = step.value + ITEM_HEADER_BYTES;
    const item = new Uint8Array(ITEM_HEADER_BYTES);
    if (end <= bytes.length) {
      item.set(bytes.subarray(step.value, end));
    } else {
      file.readInto(item, step.value);
    }
    step = walk.next(item);
  }
  const [fragment] = step.value.fragments;
  if (fragment === undefined || fragment.length === 0) {
    return undefined;
  }
  const { offset: start, length } = fragment;
  return {
    length,
    bytes: (count = length) => file.readStart(start + count).subarray(start),
    readInto(target, offset) {
      file.readInto(target, start + offset);
    },
  };
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
