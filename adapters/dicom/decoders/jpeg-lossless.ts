import type { PixelHeader } from '../../../core/dicom/instance-header.js';
import { PipelineError } from '../../../core/errors.js';
import type { ImageRows } from '../../../core/imaging/image-rows.js';
import { sampleFormat } from '../../../core/imaging/image-rows.js';
import { withKernel } from '../../../core/kernel/kernel.js';
import { requireDeclaredDimensions } from './check-dimensions.js';
import type { FrameDecoder, RowDecoder } from './frame-decoder.js';
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
import { beginScan } from './lossless-scan.js';
import type { LosslessScan } from './lossless-scan.js';
import { sequentialRows } from './sequential-rows.js';

const SOF_LOSSLESS = 0xc3;
const DHT = 0xc4;
const DRI = 0xdd;
const SOS = 0xda;

/** Whole scans are decoded so many rows at a time. */
const STRIP_ROWS = 16;

interface ScanHeader {
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
  const { frame, segments } = readStructure(codestream, header);
  return {
    width: frame.width,
    height: frame.height,
    components: frame.components,
    data: decodeScans(codestream, segments, frame, header),
    planar: false,
    colourSpace: 'header',
    usedBits: frame.precision,
    reduction: 0,
  };
};

/** The same of one component, row by row, without the image in memory. */
export const openJpegLossless: RowDecoder = (codestream, header): ImageRows => {
  const { frame, segments } = readStructure(codestream, header);
  const { width, height } = frame;
  return {
    ...{ width, height, header, fromColour: false, reduction: 0 },
    format: { ...sampleFormat(header), bytes: 2 },
    begin(kernel) {
      const { scan, ids } = createScanFinder(codestream, frame)(segments);
      if (ids.length !== 1 || ids[0] !== readComponentIds(codestream, segments, frame)[0]) {
        throw damaged();
      }
      const reader = beginScan(kernel, scan);
      return sequentialRows(kernel, { height, rowBytes: 2 * width }, reader.rows, reader.end);
    },
  };
};

function readStructure(codestream: Uint8Array, header: PixelHeader) {
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
  return { frame, segments };
}

/** Components come interleaved in one scan or in a scan each. */
function decodeScans(
  stream: Uint8Array,
  first: readonly JpegSegment[],
  frame: JpegFrameHeader,
  header: PixelHeader,
): Uint8Array | Uint16Array {
  const count = frame.width * frame.height * frame.components;
  const output = header.BitsAllocated <= 8 ? new Uint8Array(count) : new Uint16Array(count);
  const findScan = createScanFinder(stream, frame);
  const componentIds = readComponentIds(stream, first, frame);
  let decoded = 0;
  let segments: readonly JpegSegment[] = first;
  while (decoded < frame.components) {
    const { scan, ids } = findScan(segments);
    const offsets = ids.map((id) => offsetOf(componentIds, id));
    const end = decodeScan(scan, (values, firstSample) => {
      // Samples of the scan, pixel by pixel, to their places in the pixels of the frame.
      for (let index = 0, pixel = firstSample / ids.length; index < values.length; pixel += 1) {
        for (const offset of offsets) {
          output[pixel * frame.components + offset] = values[index]!;
          index += 1;
        }
      }
    });
    decoded += ids.length;
    segments = decoded < frame.components ? readSegmentsOfScan(stream, end) : [];
  }
  return output;
}

/** Hands strips of a scan out, with the number of the first sample; returns the offset behind the scan. */
function decodeScan(
  scan: LosslessScan,
  use: (values: Uint16Array, firstSample: number) => void,
): number {
  return withKernel((kernel) => {
    const reader = beginScan(kernel, scan);
    const rowSamples = scan.width * scan.tables.length;
    const strip = kernel.allocate(2 * STRIP_ROWS * rowSamples);
    for (let row = 0; row < scan.height; row += STRIP_ROWS) {
      const count = Math.min(STRIP_ROWS, scan.height - row);
      reader.rows(strip, count);
      use(kernel.uint16(strip, count * rowSamples), row * rowSamples);
    }
    return reader.end();
  });
}

/** Reads one scan's segments after the other: tables stay until they change. */
function createScanFinder(stream: Uint8Array, frame: JpegFrameHeader) {
  const tables = new Map<number, DifferenceTable>();
  let restartInterval = 0;
  return (
    segments: readonly JpegSegment[],
  ): { readonly scan: LosslessScan; readonly ids: readonly number[] } => {
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
    const { components, ...scan } = readScan(stream.subarray(sos.offset, sos.offset + sos.length));
    const { width, height, precision } = frame;
    // Restart intervals of lossless scans are whole rows. Source: T.81 H.1.1.
    const restartRows = restartInterval === 0 ? height : restartInterval / width;
    if (!Number.isInteger(restartRows)) {
      throw damaged();
    }
    return {
      scan: {
        ...{ stream, offset: sos.offset + sos.length, width, height, precision, restartRows },
        ...scan,
        tables: components.map(({ tableId }) => required(tables.get(tableId))),
      },
      ids: components.map(({ id }) => id),
    };
  };
}

function readScan(bytes: Uint8Array): ScanHeader {
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
