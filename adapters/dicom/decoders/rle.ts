import { PipelineError } from '../../../core/errors.js';
import type { FrameDecoder } from './frame-decoder.js';

const HEADER_BYTES = 64;
const MAX_SEGMENTS = 15;

/**
 * RLE Lossless (1.2.840.10008.1.2.5). A frame is up to 15 segments of PackBits, one for each byte of each
 * sample: all of a component's most significant bytes first. Source: PS3.5 Annex G.
 */
export const decodeRle: FrameDecoder = (codestream, header) => {
  const pixels = header.Rows * header.Columns;
  const components = header.SamplesPerPixel;
  if (header.BitsAllocated === 1) {
    throw new PipelineError('pixel-format-unsupported', 'RLE of one bit is not supported.');
  }
  const bytesPerSample = header.BitsAllocated / 8;
  const segments = readSegments(codestream, components * bytesPerSample);
  const bytes = new Uint8Array(pixels * components * bytesPerSample);
  segments.forEach((segment, index) => {
    const component = Math.floor(index / bytesPerSample);
    // The first segment of a sample is its high byte, which stands last in little endian.
    const byte = bytesPerSample - 1 - (index % bytesPerSample);
    const start = component * pixels * bytesPerSample + byte;
    unpack(segment, bytes, start, bytesPerSample, pixels);
  });
  return {
    width: header.Columns,
    height: header.Rows,
    components,
    data: bytesPerSample === 1 ? bytes : new Uint16Array(bytes.buffer),
    planar: true,
    colourSpace: 'header',
    reduction: 0,
    phase: 0,
  };
};

function readSegments(codestream: Uint8Array, expected: number): Uint8Array[] {
  if (codestream.length < HEADER_BYTES) {
    throw damaged();
  }
  const view = new DataView(codestream.buffer, codestream.byteOffset, HEADER_BYTES);
  const count = view.getUint32(0, true);
  if (count !== expected || count > MAX_SEGMENTS) {
    throw damaged();
  }
  const offsets = Array.from({ length: count }, (_, index) => view.getUint32(4 + 4 * index, true));
  return offsets.map((offset, index) => {
    const end = offsets[index + 1] ?? codestream.length;
    if (offset < HEADER_BYTES || end < offset || end > codestream.length) {
      throw damaged();
    }
    return codestream.subarray(offset, end);
  });
}

/** PackBits into every `stride`-th byte. Throws when the segment ends before `count` bytes are out. */
function unpack(
  segment: Uint8Array,
  output: Uint8Array,
  start: number,
  stride: number,
  count: number,
): void {
  const end = start + count * stride;
  const last = segment.length;
  let at = start;
  let read = 0;
  while (at < end) {
    if (read + 1 >= last) {
      throw damaged();
    }
    // Both reads lie inside the segment by the check above.
    const control = segment[read]!;
    if (control > 128) {
      const stop = Math.min(end, at + (257 - control) * stride);
      const value = segment[read + 1]!;
      read += 2;
      for (; at < stop; at += stride) {
        output[at] = value;
      }
    } else if (control < 128) {
      read += 1;
      const stop = Math.min(end, at + (control + 1) * stride);
      if (read + (stop - at) / stride > last) {
        throw damaged();
      }
      for (; at < stop; at += stride, read += 1) {
        output[at] = segment[read]!;
      }
    } else {
      read += 1; // 128 is no operation
    }
  }
}

function damaged(): PipelineError {
  return new PipelineError('pixel-data-corrupt', 'The RLE segments are cut off or damaged.');
}
