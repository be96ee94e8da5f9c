import type { PixelHeader } from '../../../core/dicom/instance-header.js';
import { PipelineError } from '../../../core/errors.js';
import type { PixelData } from '../pixel-data.js';
import type { DecodedSamples } from './frame-decoder.js';

type NativePixelData = Extract<PixelData, { kind: 'native' }>;

/**
 * One frame of native Pixel Data (PS3.5 8.1, A.1 to A.3). 16-bit little endian samples are a view of the
 * bytes given, not a copy. Throws `pixel-data-corrupt` when the value is shorter than the header says.
 */
export function decodeUncompressed(
  pixelData: NativePixelData,
  header: PixelHeader,
  frame: number,
): DecodedSamples {
  const pixels = header.Rows * header.Columns;
  if (header.PhotometricInterpretation === 'YBR_FULL_422') {
    return luminanceOf422(pixelData, header, frame);
  }
  const samples = pixels * header.SamplesPerPixel;
  return {
    width: header.Columns,
    height: header.Rows,
    components: header.SamplesPerPixel,
    data: readSamples(pixelData, header.BitsAllocated, samples, frame),
    planar: header.PlanarConfiguration === 1,
    colourSpace: 'header',
    reduction: 0,
  };
}

function readSamples(
  pixelData: NativePixelData,
  BitsAllocated: number,
  count: number,
  frame: number,
): Uint8Array | Uint16Array {
  if (BitsAllocated === 1) {
    return unpackBits(pixelData.bytes, frame * count, count);
  }
  const bytesPerSample = BitsAllocated / 8;
  const start = frame * count * bytesPerSample;
  const bytes = pixelData.bytes.subarray(start, start + count * bytesPerSample);
  if (bytes.length < count * bytesPerSample) {
    throw tooShort();
  }
  if (BitsAllocated === 8) {
    return pixelData.swappedPairs ? swapPairs(pixelData.bytes, start, count) : plain(bytes);
  }
  const aligned = bytes.byteOffset % 2 === 0 && !pixelData.bigEndian ? bytes : Buffer.from(bytes);
  if (pixelData.bigEndian) {
    (aligned as Buffer).swap16();
  }
  return aligned.byteOffset % 2 === 0
    ? new Uint16Array(aligned.buffer, aligned.byteOffset, count)
    : new Uint16Array(Uint8Array.from(aligned).buffer);
}

/** A Buffer is a Uint8Array whose slice() does not copy: pixels are handed on as the plain kind. */
function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Pixels of one bit are packed least significant bit first, frames without padding. PS3.5 8.1.1, D. */
function unpackBits(bytes: Uint8Array, firstBit: number, count: number): Uint8Array {
  if (8 * bytes.length < firstBit + count) {
    throw tooShort();
  }
  const samples = new Uint8Array(count);
  for (let index = 0; index < count; index += 1) {
    const bit = firstBit + index;
    samples[index] = ((bytes[bit >> 3] ?? 0) >> (bit & 7)) & 1;
  }
  return samples;
}

function swapPairs(bytes: Uint8Array, start: number, count: number): Uint8Array {
  const samples = new Uint8Array(count);
  for (let index = 0; index < count; index += 1) {
    samples[index] = bytes[(start + index) ^ 1] ?? 0;
  }
  return samples;
}

/** Two pixels are Y1 Y2 Cb Cr (PS3.3 C.7.6.3.1.2): the luminance is there already. */
function luminanceOf422(
  pixelData: NativePixelData,
  header: PixelHeader,
  frame: number,
): DecodedSamples {
  const pixels = header.Rows * header.Columns;
  const coded = readSamples(pixelData, header.BitsAllocated, 2 * pixels, frame);
  const data = new Uint8Array(pixels);
  for (let index = 0; index < pixels; index += 1) {
    data[index] = coded[(index >> 1) * 4 + (index & 1)] ?? 0;
  }
  return {
    width: header.Columns,
    height: header.Rows,
    components: 1,
    data,
    planar: false,
    colourSpace: 'header',
    reduction: 0,
  };
}

function tooShort(): PipelineError {
  return new PipelineError('pixel-data-corrupt', 'The Pixel Data is shorter than its header says.');
}
