import type { PixelHeader } from '../../../core/dicom/instance-header.js';
import { PipelineError } from '../../../core/errors.js';
import { requireDeclaredDimensions } from './check-dimensions.js';
import { readEntropyScan } from './entropy-segments.js';
import type { EntropySegment } from './entropy-segments.js';
import type { FrameDecoder } from './frame-decoder.js';
import { readHuffmanTables } from './huffman-table.js';
import {
  readFrameHeader,
  readJpegSegments,
  readSegmentsOfScan,
  requireEndOfImage,
} from './jpeg-markers.js';
import type { JpegFrameHeader, JpegSegment } from './jpeg-markers.js';
import { createDifferenceTable } from './lossless-differences.js';
import type { DifferenceTable } from './lossless-differences.js';
import { decodeRows } from './lossless-rows.js';

const SOF_LOSSLESS = 0xc3;
const DHT = 0xc4;
const DRI = 0xdd;
const SOS = 0xda;

/** Bits that one sample can take: a code of 16 and a difference of 15. */
const MAX_BYTES_PER_SAMPLE = 4;

interface Scan {
  readonly components: readonly { readonly id: number; readonly tableId: number }[];
  readonly predictor: number;
  readonly pointTransform: number;
}

/**
 * JPEG lossless, Huffman coded, all predictors (1.2.840.10008.1.2.4.57 and .70). Source: PS3.5 8.2.1, T.81
 * Annex H. Our own decoder: the published one in JavaScript takes four times as long and returns
 * wrong pixels for streams that are cut off.
 */
export const decodeJpegLossless: FrameDecoder = (codestream, header) => {
  const segments = readJpegSegments(codestream);
  const frame = readFrameHeader(codestream, segments);
  if (frame.marker !== SOF_LOSSLESS) {
    throw new PipelineError('pixel-data-corrupt', 'The compressed image is not JPEG lossless.');
  }
  if (frame.precision < 2 || frame.precision > header.BitsAllocated) {
    throw new PipelineError('pixel-data-corrupt', 'The JPEG image has more bits than its header.');
  }
  requireDeclaredDimensions(frame, header);
  requireEndOfImage(codestream);
  requireNoSubsampling(codestream, segments, frame);
  return {
    width: frame.width,
    height: frame.height,
    components: frame.components,
    data: decodeScans(codestream, segments, frame, header),
    planar: false,
    colourSpace: 'header',
    usedBits: frame.precision,
    reduction: 0,
    phase: 0,
  };
};

/** Components come interleaved in one scan or in a scan each; tables may change between scans. */
function decodeScans(
  stream: Uint8Array,
  first: readonly JpegSegment[],
  frame: JpegFrameHeader,
  header: PixelHeader,
): Uint8Array | Uint16Array {
  const count = frame.width * frame.height * frame.components;
  const output = header.BitsAllocated <= 8 ? new Uint8Array(count) : new Uint16Array(count);
  const tables = new Map<number, DifferenceTable>();
  const componentIds = readComponentIds(stream, first, frame);
  let restartInterval = 0;
  let decoded = 0;
  let segments: readonly JpegSegment[] = first;
  while (decoded < frame.components) {
    for (const { marker, offset, length } of segments) {
      const bytes = stream.subarray(offset, offset + length);
      if (marker === DHT) {
        for (const [destination, code] of readHuffmanTables(bytes)) {
          tables.set(destination, createDifferenceTable(code));
        }
      } else if (marker === DRI) {
        restartInterval = ((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0);
      }
    }
    const sos = segments.at(-1);
    if (sos?.marker !== SOS) {
      throw damaged();
    }
    const scan = readScan(stream.subarray(sos.offset, sos.offset + sos.length));
    const rowBytes = frame.width * scan.components.length * MAX_BYTES_PER_SAMPLE;
    const entropy = readEntropyScan(stream, sos.offset + sos.length, rowBytes + 8);
    decodeRows({
      frame,
      output,
      offsets: scan.components.map(({ id }) => offsetOf(componentIds, id)),
      tables: scan.components.map(({ tableId }) => required(tables.get(tableId))),
      predictor: scan.predictor,
      pointTransform: scan.pointTransform,
      intervals: splitIntervals(entropy.segments, restartInterval, frame),
    });
    decoded += scan.components.length;
    segments = decoded < frame.components ? readSegmentsOfScan(stream, entropy.end) : [];
  }
  return output;
}

/** Restart intervals of lossless scans are whole rows. Source: T.81 H.1.1. */
function splitIntervals(
  segments: readonly EntropySegment[],
  restartInterval: number,
  frame: JpegFrameHeader,
) {
  const rows = restartInterval === 0 ? frame.height : restartInterval / frame.width;
  if (!Number.isInteger(rows) || segments.length !== Math.ceil(frame.height / rows)) {
    throw damaged();
  }
  return segments.map((segment, index) => ({
    segment,
    firstRow: index * rows,
    endRow: Math.min(frame.height, (index + 1) * rows),
  }));
}

function readScan(bytes: Uint8Array): Scan {
  const count = bytes[0] ?? 0;
  if (count < 1 || count > 4 || bytes.length < 2 * count + 4) {
    throw damaged();
  }
  const predictor = bytes[2 * count + 1] ?? 0;
  const pointTransform = (bytes[2 * count + 3] ?? 0) & 15;
  if (predictor < 1 || predictor > 7) {
    throw damaged();
  }
  const components = Array.from({ length: count }, (_, index) => ({
    id: bytes[1 + 2 * index] ?? 0,
    tableId: (bytes[2 + 2 * index] ?? 0) >> 4,
  }));
  return { components, predictor, pointTransform };
}

function readComponentIds(
  stream: Uint8Array,
  segments: readonly JpegSegment[],
  frame: JpegFrameHeader,
): number[] {
  const offset = frameOffset(segments);
  return Array.from(
    { length: frame.components },
    (_, index) => stream[offset + 6 + 3 * index] ?? 0,
  );
}

function requireNoSubsampling(
  stream: Uint8Array,
  segments: readonly JpegSegment[],
  frame: JpegFrameHeader,
): void {
  const offset = frameOffset(segments);
  const factors = Array.from(
    { length: frame.components },
    (_, index) => stream[offset + 7 + 3 * index],
  );
  if (new Set(factors).size !== 1) {
    throw new PipelineError(
      'pixel-format-unsupported',
      'Subsampled JPEG lossless is not supported.',
    );
  }
}

function frameOffset(segments: readonly JpegSegment[]): number {
  return required(segments.find(({ marker }) => marker === SOF_LOSSLESS)).offset;
}

function offsetOf(componentIds: readonly number[], id: number): number {
  const offset = componentIds.indexOf(id);
  if (offset < 0) {
    throw damaged();
  }
  return offset;
}

function required<T>(value: T | undefined): T {
  if (value === undefined) {
    throw damaged();
  }
  return value;
}

function damaged(): PipelineError {
  return new PipelineError('pixel-data-corrupt', 'The JPEG lossless stream is damaged.');
}
