import type { PixelHeader } from '../../../core/dicom/instance-header.js';
import { PipelineError } from '../../../core/errors.js';
import type { ImageRows } from '../../../core/imaging/image-rows.js';
import { sampleFormat } from '../../../core/imaging/image-rows.js';
import type { Address, Kernel } from '../../../core/kernel/kernel.js';
import { withKernel } from '../../../core/kernel/kernel.js';
import type { FrameDecoder, RowDecoder } from './frame-decoder.js';
import { sequentialRows } from './sequential-rows.js';

const HEADER_BYTES = 64;
const MAX_SEGMENTS = 15;

/** Samples of a component that are decoded at a time. */
const PIECE_SAMPLES = 32768;

/** Bytes of `Run` in core/kernel/rle.c. */
const RUN_BYTES = 16;
/** So far beyond a segment's end it reads, and takes no notice. */
const READ_AHEAD_BYTES = 16;

/**
 * RLE Lossless (1.2.840.10008.1.2.5). A frame is up to 15 segments of PackBits, one for each byte of each
 * sample: all of a component's most significant bytes first. Source: PS3.5 Annex G.
 */
export const decodeRle: FrameDecoder = (codestream, header) => {
  const pixels = header.Rows * header.Columns;
  const components = header.SamplesPerPixel;
  const { segments, bytesPerSample } = readStructure(codestream, header);
  const bytes = new Uint8Array(pixels * components * bytesPerSample);
  for (let component = 0; component < components; component += 1) {
    withKernel((kernel) => {
      const unpack = beginRuns(
        kernel,
        segments.slice(component * bytesPerSample, (component + 1) * bytesPerSample),
      );
      const piece = kernel.allocate(PIECE_SAMPLES * bytesPerSample);
      for (let done = 0; done < pixels; done += PIECE_SAMPLES) {
        const count = Math.min(PIECE_SAMPLES, pixels - done);
        unpack(piece, count);
        bytes.set(
          kernel.bytes(piece, count * bytesPerSample),
          (component * pixels + done) * bytesPerSample,
        );
      }
    });
  }
  return {
    width: header.Columns,
    height: header.Rows,
    components,
    data: bytesPerSample === 1 ? bytes : new Uint16Array(bytes.buffer),
    planar: true,
    colourSpace: 'header',
    reduction: 0,
  };
};

/** The same of one component, row by row, without the image in memory. */
export const openRle: RowDecoder = (codestream, header): ImageRows => {
  const { Rows: height, Columns: width } = header;
  const { segments, bytesPerSample } = readStructure(codestream, header);
  return {
    ...{ width, height, header, fromColour: false, reduction: 0 },
    format: sampleFormat(header),
    begin(kernel) {
      const unpack = beginRuns(kernel, segments);
      const shape = { height, rowBytes: width * bytesPerSample };
      return sequentialRows(
        kernel,
        shape,
        (to, count) => {
          unpack(to, count * width);
        },
        () => undefined,
      );
    },
  };
};

function readStructure(codestream: Uint8Array, header: PixelHeader) {
  if (header.BitsAllocated === 1) {
    throw new PipelineError('pixel-format-unsupported', 'RLE of one bit is not supported.');
  }
  const bytesPerSample = header.BitsAllocated / 8;
  const segments = readSegments(codestream, header.SamplesPerPixel * bytesPerSample);
  return { segments, bytesPerSample };
}

/** Unpacks the one or two segments of a component side by side, a number of samples at a time. */
function beginRuns(
  kernel: Kernel,
  segments: readonly Uint8Array[],
): (to: Address, samples: number) => void {
  const runs = kernel.allocate(RUN_BYTES * segments.length);
  segments.forEach((segment, index) => {
    const from = kernel.allocate(segment.length + READ_AHEAD_BYTES);
    kernel.bytes(from, segment.length).set(segment);
    kernel.int32(runs + RUN_BYTES * index, 4).set([from, from + segment.length, 0, 0]);
  });
  return (to, samples) => {
    if (kernel.exports.rle_samples(runs, segments.length, to, samples) === 0) {
      throw damaged();
    }
  };
}

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

function damaged(): PipelineError {
  return new PipelineError('pixel-data-corrupt', 'The RLE segments are cut off or damaged.');
}
