import { PipelineError } from '../../../core/errors.js';

const SOI = 0xd8;
const EOI = 0xd9;
const SOS = 0xda;
/** SOF0 to SOF15 without DHT (C4), JPG (C8) and DAC (CC), and JPEG-LS's SOF55. T.81 B.1.1.3, T.87. */
const isFrameHeader = (marker: number): boolean =>
  marker === 0xf7 || (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker));
/** TEM and RSTm stand alone, without a length. */
const isStandalone = (marker: number): boolean =>
  marker === 0x01 || (marker >= 0xd0 && marker <= 0xd7);

export interface JpegFrameHeader {
  /** The SOF marker's second byte: C0 baseline, C1 extended, C2 progressive, C3 lossless, F7 JPEG-LS. */
  readonly marker: number;
  readonly precision: number;
  readonly width: number;
  readonly height: number;
  readonly components: number;
}

/** A marker segment: its second byte, and where its contents (behind the length) stand. */
export interface JpegSegment {
  readonly marker: number;
  readonly offset: number;
  readonly length: number;
}

/**
 * The marker segments of a JPEG or JPEG-LS stream up to and with the first SOS. Source: T.81 B.1.
 * Throws `pixel-data-corrupt` when the structure is damaged or ends before a scan begins.
 */
export function readJpegSegments(stream: Uint8Array): JpegSegment[] {
  if (stream[0] !== 0xff || stream[1] !== SOI) {
    throw new PipelineError('pixel-data-corrupt', 'The JPEG stream does not begin with SOI.');
  }
  return readSegmentsOfScan(stream, 2);
}

/** The marker segments from `start` up to and with the next SOS: those between two scans. */
export function readSegmentsOfScan(stream: Uint8Array, start: number): JpegSegment[] {
  const segments: JpegSegment[] = [];
  let offset = start;
  while (offset + 4 <= stream.length) {
    if (stream[offset] !== 0xff) {
      break;
    }
    const marker = stream[offset + 1] ?? 0;
    if (marker === 0xff) {
      offset += 1; // fill byte
      continue;
    }
    offset += 2;
    if (isStandalone(marker)) {
      continue;
    }
    const length = ((stream[offset] ?? 0) << 8) | (stream[offset + 1] ?? 0);
    if (marker === EOI || length < 2 || offset + length > stream.length) {
      break;
    }
    segments.push({ marker, offset: offset + 2, length: length - 2 });
    if (marker === SOS) {
      return segments;
    }
    offset += length;
  }
  throw new PipelineError('pixel-data-corrupt', 'The JPEG stream ends before its first scan.');
}

/** The frame header of a stream. Throws `pixel-data-corrupt` when there is none. */
export function readFrameHeader(
  stream: Uint8Array,
  segments: readonly JpegSegment[],
): JpegFrameHeader {
  const segment = segments.find(({ marker, length }) => isFrameHeader(marker) && length >= 6);
  if (segment === undefined) {
    throw new PipelineError('pixel-data-corrupt', 'The JPEG stream has no frame header.');
  }
  const { marker, offset } = segment;
  const uint16 = (at: number) => ((stream[at] ?? 0) << 8) | (stream[at + 1] ?? 0);
  return {
    marker,
    precision: stream[offset] ?? 0,
    height: uint16(offset + 1),
    width: uint16(offset + 3),
    components: stream[offset + 5] ?? 0,
  };
}

/**
 * Throws `pixel-data-corrupt` when the stream does not end with EOI. Padding behind it is one byte by
 * the standard (PS3.5 A.4) and more in real files.
 */
export function requireEndOfImage(stream: Uint8Array): void {
  let end = stream.length;
  while (end > 2 && stream[end - 1] === 0x00) {
    end -= 1;
  }
  // Fill bytes may also be FF (T.81 B.1.1.2), which is not to be taken for a marker's first byte.
  while (end > 2 && stream[end - 1] === 0xff) {
    end -= 1;
  }
  if (stream[end - 1] !== EOI || stream[end - 2] !== 0xff) {
    throw new PipelineError('pixel-data-corrupt', 'The JPEG stream is cut off before its end.');
  }
}
