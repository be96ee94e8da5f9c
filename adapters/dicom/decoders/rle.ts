import type { PixelHeader } from '../../../core/dicom/instance-header.js';
import { PipelineError } from '../../../core/errors.js';
import type { ImageRows } from '../../../core/imaging/image-rows.js';
import { sampleFormat } from '../../../core/imaging/image-rows.js';
import type { Address, Kernel } from '../../../core/kernel/kernel.js';
import { withKernel } from '../../../core/kernel/kernel.js';
import { codestreamOf } from './codestream.js';
import type { Codestream } from './codestream.js';
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

/** Where a segment stands in the codestream. */
interface Segment {
  readonly offset: number;
  readonly end: number;
}

/**
 * RLE Lossless (1.2.840.10008.1.2.5). A frame is up to 15 segments of PackBits, one for each byte of each
 * sample: all of a component's most significant bytes first. Source: PS3.5 Annex G.
 */
export const decodeRle: FrameDecoder = (bytesOfFrame, header) => {
  const codestream = codestreamOf(bytesOfFrame);
  const pixels = header.Rows * header.Columns;
  const components = header.SamplesPerPixel;
  const { segments, bytesPerSample } = readStructure(codestream, header);
  const bytes = new Uint8Array(pixels * components * bytesPerSample);
  for (let component = 0; component < components; component += 1) {
    withKernel((kernel) => {
      const unpack = beginRuns(
        kernel,
        codestream,
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
export const openRle: RowDecoder<Codestream> = (codestream, header): ImageRows => {
  const { Rows: height, Columns: width } = header;
  const { segments, bytesPerSample } = readStructure(codestream, header);
  return {
    ...{ width, height, header, fromColour: false, reduction: 0 },
    format: sampleFormat(header),
    begin(kernel) {
      const unpack = beginRuns(kernel, codestream, segments);
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

function readStructure(codestream: Codestream, header: PixelHeader) {
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
  codestream: Codestream,
  segments: readonly Segment[],
): (to: Address, samples: number) => void {
  const runs = kernel.allocate(RUN_BYTES * segments.length);
  const start = segments[0]?.offset ?? 0;
  const length = (segments.at(-1)?.end ?? 0) - start;
  const from = kernel.allocate(length + READ_AHEAD_BYTES) - start;
  codestream.readInto(kernel.bytes(from + start, length), start);
  segments.forEach(({ offset, end }, index) => {
    kernel.int32(runs + RUN_BYTES * index, 4).set([from + offset, from + end, 0, 0]);
  });
  return (to, samples) => {
    if (kernel.exports.rle_samples(runs, segments.length, to, samples) === 0) {
      throw damaged();
    }
  };
}

function readSegments(codestream: Codestream, expected: number): Segment[] {
  if (codestream.length < HEADER_BYTES) {
    throw damaged();
  }
  const header = new Uint8Array(HEADER_BYTES);
  codestream.readInto(header, 0);
  const view = new DataView(header.buffer);
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
    return { offset, end };
  });
}

function damaged(): PipelineError {
  return new PipelineError('pixel-data-corrupt', 'The RLE segments are cut off or damaged.');
}
