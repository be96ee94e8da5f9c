import type { PixelHeader } from '../../../core/dicom/instance-header.js';
import { PipelineError } from '../../../core/errors.js';
import { requireDeclaredDimensions } from './check-dimensions.js';
import { readEntropyScan } from './entropy-segments.js';
import type { EntropySegment } from './entropy-segments.js';
import type { DecodedSamples } from './frame-decoder.js';
import { forEachCode, readHuffmanTables } from './huffman-table.js';
import { inverseDct12 } from './inverse-dct.js';
import { readFrameHeader, readJpegSegments, requireEndOfImage } from './jpeg-markers.js';
import type { JpegFrameHeader, JpegSegment } from './jpeg-markers.js';

const SOF_EXTENDED = 0xc1;
const DHT = 0xc4;
const DQT = 0xdb;
const DRI = 0xdd;
const HALF_RANGE = 2048;
const MAX_SAMPLE = 4095;
/** A block has at most 64 codes of 16 bits with 15 value bits. */
const MAX_BYTES_PER_BLOCK = 64 * 4;
const MAX_TRAILING_BITS = 32;

/** Natural position of the coefficients in the order in which they are coded. Source: T.81 Figure A.6. */
const ZIGZAG = zigzag();

interface Tables {
  readonly quantisation: Int32Array;
  /** By the next 16 bits: length of the code << 8 | value; 0 where there is no such code. */
  readonly dc: Uint16Array;
  readonly ac: Uint16Array;
}

/**
 * JPEG extended sequential with 12 bits (1.2.840.10008.1.2.4.51, Process 4), one component. Source: PS3.5
 * 8.2.1, T.81 F.2. Our own, because no small package decodes 12 bits with the values that others give.
 */
export function decodeJpegExtended12(stream: Uint8Array, header: PixelHeader): DecodedSamples {
  const segments = readJpegSegments(stream);
  const frame = readFrameHeader(stream, segments);
  requireDeclaredDimensions(frame, header);
  requireEndOfImage(stream);
  if (frame.marker !== SOF_EXTENDED || frame.components !== 1 || header.BitsAllocated !== 16) {
    throw new PipelineError(
      'pixel-format-unsupported',
      'JPEG of 12 bits is supported in sequential form with one component only.',
    );
  }
  const { tables, restartInterval } = readTables(stream, segments);
  // The loop of segments ends with SOS.
  const sos = segments.at(-1)!;
  const blockRow = Math.ceil(frame.width / 8) * MAX_BYTES_PER_BLOCK;
  const scan = readEntropyScan(stream, sos.offset + sos.length, blockRow + 8);
  return {
    width: frame.width,
    height: frame.height,
    components: 1,
    data: decodeBlocks(scan.segments, tables, restartInterval, frame),
    planar: false,
    colourSpace: 'header',
    usedBits: frame.precision,
    reduction: 0,
  };
}

function decodeBlocks(
  segments: readonly EntropySegment[],
  tables: Tables,
  restartInterval: number,
  frame: JpegFrameHeader,
): Uint16Array {
  const columns = Math.ceil(frame.width / 8);
  const blocks = columns * Math.ceil(frame.height / 8);
  const interval = restartInterval === 0 ? blocks : restartInterval;
  if (segments.length !== Math.ceil(blocks / interval)) {
    throw damaged();
  }
  const output = new Uint16Array(frame.width * frame.height);
  const coefficients = new Int32Array(64);
  segments.forEach((segment, index) => {
    const view = new DataView(
      segment.bytes.buffer,
      segment.bytes.byteOffset,
      segment.bytes.byteLength,
    );
    const state = { view, position: 0, dc: 0 };
    const end = Math.min(blocks, (index + 1) * interval);
    for (let block = index * interval; block < end; block += 1) {
      decodeBlock(state, tables, coefficients);
      // A block needs less than the padding behind the data, so this is soon enough.
      if (state.position > 8 * segment.length) {
        throw damaged();
      }
      inverseDct12(coefficients);
      store(output, coefficients, frame, 8 * (block % columns), 8 * Math.floor(block / columns));
    }
    if (8 * segment.length - state.position > MAX_TRAILING_BITS) {
      throw damaged();
    }
  });
  return output;
}

/** One block's coefficients, dequantised, in natural order. Source: T.81 F.2.2. */
function decodeBlock(
  state: { readonly view: DataView; position: number; dc: number },
  { quantisation, dc, ac }: Tables,
  coefficients: Int32Array,
): void {
  const { view } = state;
  const peek16 = (at: number) => (view.getUint32(at >>> 3) << (at & 7)) >>> 16;
  const receive = (at: number, bits: number): number => {
    if (bits === 0) {
      return 0;
    }
    const value = (view.getUint32(at >>> 3) << (at & 7)) >>> (32 - bits);
    return value < 1 << (bits - 1) ? value - (1 << bits) + 1 : value;
  };
  coefficients.fill(0);
  // Indices below are 16-bit codes and positions up to 63 by the checks.
  const dcEntry = dc[peek16(state.position)]!;
  const category = dcEntry & 255;
  if (dcEntry === 0 || category > 15) {
    throw damaged();
  }
  state.position += dcEntry >> 8;
  state.dc += receive(state.position, category);
  state.position += category;
  coefficients[0] = state.dc * quantisation[0]!;
  for (let k = 1; k < 64; k += 1) {
    const entry = ac[peek16(state.position)]!;
    if (entry === 0) {
      throw damaged();
    }
    state.position += entry >> 8;
    const size = entry & 15;
    const run = (entry >> 4) & 15;
    if (size === 0) {
      if (run !== 15) {
        break; // end of block
      }
      k += 15;
      continue;
    }
    k += run;
    if (k > 63) {
      throw damaged();
    }
    coefficients[ZIGZAG[k]!] = receive(state.position, size) * quantisation[k]!;
    state.position += size;
  }
}

function store(
  output: Uint16Array,
  samples: Int32Array,
  { width, height }: JpegFrameHeader,
  x0: number,
  y0: number,
): void {
  const columns = Math.min(8, width - x0);
  const rows = Math.min(8, height - y0);
  for (let y = 0; y < rows; y += 1) {
    for (let x = 0; x < columns; x += 1) {
      const sample = samples[8 * y + x]! + HALF_RANGE;
      output[(y0 + y) * width + x0 + x] = Math.min(MAX_SAMPLE, Math.max(0, sample));
    }
  }
}

function readTables(
  stream: Uint8Array,
  segments: readonly JpegSegment[],
): { readonly tables: Tables; readonly restartInterval: number } {
  const quantisations = new Map<number, Int32Array>();
  const codes = new Map<number, Uint16Array>();
  let restartInterval = 0;
  for (const { marker, offset, length } of segments) {
    const bytes = stream.subarray(offset, offset + length);
    if (marker === DQT) {
      readQuantisation(bytes, quantisations);
    } else if (marker === DHT) {
      for (const [destination, code] of readHuffmanTables(bytes)) {
        const table = new Uint16Array(65536);
        forEachCode(code, (code16, bits, value) => {
          table.fill((bits << 8) | value, code16, code16 + (1 << (16 - bits)));
        });
        codes.set(destination, table);
      }
    } else if (marker === DRI) {
      restartInterval = ((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0);
    }
  }
  const sof = segments.find(({ marker }) => marker === SOF_EXTENDED);
  const sos = segments.at(-1);
  // The component's quantisation table stands in the frame header, its Huffman tables in the scan header.
  const quantisation = quantisations.get(stream[(sof?.offset ?? 0) + 8] ?? -1);
  const selectors = stream[(sos?.offset ?? 0) + 2] ?? 0;
  const dc = codes.get(selectors >> 4);
  const ac = codes.get(0x10 | (selectors & 15));
  if (quantisation === undefined || dc === undefined || ac === undefined) {
    throw damaged();
  }
  return { tables: { quantisation, dc, ac }, restartInterval };
}

/** Source: T.81 B.2.4.1: precision and destination, then 64 values of 8 or 16 bits in coded order. */
function readQuantisation(segment: Uint8Array, tables: Map<number, Int32Array>): void {
  let offset = 0;
  while (offset < segment.length) {
    const head = segment[offset] ?? 0;
    const wide = head >> 4 !== 0;
    const values = segment.subarray(offset + 1, offset + 1 + (wide ? 128 : 64));
    if (values.length < (wide ? 128 : 64)) {
      throw damaged();
    }
    tables.set(
      head & 15,
      Int32Array.from({ length: 64 }, (_, k) =>
        wide ? (values[2 * k]! << 8) | values[2 * k + 1]! : values[k]!,
      ),
    );
    offset += 1 + values.length;
  }
}

function zigzag(): Uint8Array {
  const order = new Uint8Array(64);
  let row = 0;
  let column = 0;
  for (let k = 0; k < 64; k += 1) {
    order[k] = 8 * row + column;
    const up = (row + column) % 2 === 0;
    if (up && column === 7) {
      row += 1;
    } else if (up && row === 0) {
      column += 1;
    } else if (!up && row === 7) {
      column += 1;
    } else if (!up && column === 0) {
      row += 1;
    } else {
      row += up ? -1 : 1;
      column += up ? 1 : -1;
    }
  }
  return order;
}

function damaged(): PipelineError {
  return new PipelineError('pixel-data-corrupt', 'The JPEG stream is cut off or damaged.');
}
