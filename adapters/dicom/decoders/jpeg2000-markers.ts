import { PipelineError } from '../../../core/errors.js';
import type { Wavelet } from '../../../core/imaging/wavelet.js';
import { numbersOf, tailOf } from './codestream.js';
import type { Codestream, NumberReader } from './codestream.js';
import { COD, readPlainCoding, SIZ } from './jpeg2000-plain.js';
import type { PlainCoding, Segment, Span } from './jpeg2000-plain.js';

const SOC = 0xff4f;
const SOT = 0xff90;
const EOC = 0xffd9;
const COC = 0xff53;
/** The highest bit of Ssiz. Source: T.800 Table A.11. */
export const SIGNED = 0x80;

/** The signature box with which the JP2 file format begins; DICOM forbids it and real files have it. */
const JP2_SIGNATURE = [0x00, 0x00, 0x00, 0x0c, 0x6a, 0x50, 0x20, 0x20];
const CODESTREAM_BOX = 0x6a703263; // jp2c

export interface Jpeg2000Header {
  readonly width: number;
  readonly height: number;
  readonly components: number;
  /** Bits of a sample; all components have the same. */
  readonly precision: number;
  /** Where the sign flags of the components stand in the stream; empty for unsigned samples. */
  readonly signFlags: readonly number[];
  /** Whether the codec undoes a multiple component transformation, so that colour comes out as RGB. */
  readonly colourTransform: boolean;
  readonly wavelet: Wavelet;
  /** How often the resolution can be halved so that sample n sits at pixel n * 2^halvings everywhere. */
  readonly halvings: number;
  /** How it is coded, where the kernel can decode it. */
  readonly plain?: PlainCoding | undefined;
}

/**
 * Reads the main header of a JPEG 2000 or HTJ2K codestream and walks its tile-parts, because the codecs
 * decode what is left of a cut stream without complaint. Source: T.800 Annex A, T.814.
 *
 * Throws `pixel-data-corrupt` when a tile-part is cut off or missing, `pixel-format-unsupported` for
 * subsampled components and more than 16 bits.
 */
export function readJpeg2000(stream: Codestream): Jpeg2000Header {
  try {
    const start = codestreamStart(numbersOf(stream));
    const view = numbersOf(stream, start);
    if (view.byteLength < 4 || view.getUint16(0) !== SOC) {
      throw damagedJpeg2000();
    }
    return walk(stream, view, start);
  } catch (error) {
    // A read beyond the last byte: some length field points there.
    throw error instanceof RangeError ? damagedJpeg2000() : error;
  }
}

/** Offsets in the view, but those in the result in the stream, where the view begins at `start`. */
function walk(stream: Codestream, view: NumberReader, start: number): Jpeg2000Header {
  const { segments, end: firstTilePart } = readSegments(view);
  const last = (marker: number) => segments.findLast((segment) => segment.marker === marker);
  const siz = last(SIZ);
  const cod = last(COD);
  if (siz === undefined || cod === undefined) {
    throw damagedJpeg2000();
  }
  const { tiles, atOrigin, signFlags, ...size } = readSize(view, siz.offset);
  const { colourTransform, ...transformation } = readCoding(view, cod.offset);
  const end = endOfCodestream(stream, start);
  const tileParts = requireAllTiles(view, { firstTilePart, end, tiles });
  const plain =
    atOrigin && tiles === 1 && size.components === 1
      ? readPlainCoding(view, segments, tileParts, transformation)
      : undefined;
  return {
    ...{ ...size, colourTransform, wavelet: transformation.wavelet },
    signFlags: signFlags.map((offset) => start + offset),
    halvings: atOrigin && last(COC) === undefined ? transformation.decompositions : 0,
    plain: plain && {
      ...plain,
      bodies: plain.bodies.map(({ offset, length }) => ({ offset: start + offset, length })),
    },
  };
}

/** The main header's segments, and where it ends. */
function readSegments(view: NumberReader): {
  readonly segments: readonly Segment[];
  readonly end: number;
} {
  const segments: Segment[] = [];
  let offset = 2;
  for (;;) {
    const marker = view.getUint16(offset);
    if (marker === SOT) {
      return { segments, end: offset };
    }
    const length = view.getUint16(offset + 2);
    if (marker < 0xff00 || length < 2) {
      throw damagedJpeg2000();
    }
    segments.push({ marker, offset: offset + 4, length: length - 2 });
    offset += 2 + length;
  }
}

/** Source: T.800 A.6.1. */
function readCoding(view: NumberReader, offset: number) {
  return {
    colourTransform: view.getUint8(offset + 4) === 1,
    decompositions: view.getUint8(offset + 5),
    wavelet: view.getUint8(offset + 9) === 1 ? ('5/3' as const) : ('9/7' as const),
  };
}

function readSize(view: NumberReader, offset: number) {
  const [xSize, ySize, xOffset, yOffset, xTile, yTile, xTileOffset, yTileOffset] = Array.from(
    { length: 8 },
    (_, index) => view.getUint32(offset + 2 + 4 * index),
  ) as [number, number, number, number, number, number, number, number];
  const components = view.getUint16(offset + 34);
  const precisions = new Set<number>();
  const signFlags: number[] = [];
  for (let component = 0; component < components; component += 1) {
    const at = offset + 36 + 3 * component;
    const depth = view.getUint8(at);
    precisions.add((depth & 0x7f) + 1);
    if ((depth & SIGNED) !== 0) {
      signFlags.push(at);
    }
    if (view.getUint8(at + 1) !== 1 || view.getUint8(at + 2) !== 1) {
      throw new PipelineError('pixel-format-unsupported', 'Subsampled JPEG 2000 is not supported.');
    }
  }
  const [precision] = precisions;
  if (precision === undefined || precisions.size !== 1 || precision > 16) {
    throw new PipelineError(
      'pixel-format-unsupported',
      'The sample depth of the JPEG 2000 image is not supported.',
    );
  }
  if (xTile === 0 || yTile === 0 || xSize <= xOffset || ySize <= yOffset) {
    throw damagedJpeg2000();
  }
  return {
    width: xSize - xOffset,
    height: ySize - yOffset,
    components,
    precision,
    signFlags,
    atOrigin: [xOffset, yOffset, xTileOffset, yTileOffset].every((offset) => offset === 0),
    tiles: Math.ceil((xSize - xTileOffset) / xTile) * Math.ceil((ySize - yTileOffset) / yTile),
  };
}

/**
 * Every tile must have all the tile-parts that it announces, whole, and EOC must follow: a stream cut off
 * and filled up with zeros has the right length. Source: T.800 A.4.2, A.4.4.
 */
function requireAllTiles(
  view: NumberReader,
  { firstTilePart, end, tiles }: { firstTilePart: number; end: number; tiles: number },
): readonly Span[] {
  const spans: Span[] = [];
  const parts = new Map<number, { count: number; announced: number }>();
  let offset = firstTilePart;
  while (offset < end) {
    if (view.getUint16(offset) !== SOT) {
      throw damagedJpeg2000();
    }
    const tile = view.getUint16(offset + 4);
    const part = parts.get(tile) ?? { count: 0, announced: 0 };
    part.count += 1;
    part.announced = Math.max(part.announced, view.getUint8(offset + 11));
    parts.set(tile, part);
    // A length of 0 stands for everything up to EOC, in the last tile-part only.
    const length = view.getUint32(offset + 6) || end - offset;
    if (length < 14 || offset + length > end) {
      throw damagedJpeg2000();
    }
    spans.push({ offset, length });
    offset += length;
  }
  const whole = [...parts.values()].every(({ count, announced }) => count >= announced);
  if (!whole || parts.size !== tiles) {
    throw damagedJpeg2000();
  }
  return spans;
}

/** Offset of EOC behind `start`. Real files are padded with more than the one byte of PS3.5 A.4. */
function endOfCodestream(stream: Codestream, start: number): number {
  const { bytes: tail, offset } = tailOf(stream);
  const inTail = beforePadding(tail);
  const end = inTail === undefined ? beforePadding(stream.bytes()) : offset + inTail;
  if (end === undefined || end < start + 2) {
    throw damagedJpeg2000();
  }
  return end - start;
}

/** Where EOC stands, behind which there is only padding; undefined where there is nothing else. */
function beforePadding(bytes: Uint8Array): number | undefined {
  for (let end = bytes.length; end >= 2; end -= 1) {
    const [before, last] = [bytes[end - 2]!, bytes[end - 1]!];
    if (before * 256 + last === EOC) {
      return end - 2;
    }
    if (last !== 0x00 && last !== 0xff) {
      throw damagedJpeg2000();
    }
  }
  return undefined;
}

function codestreamStart(view: NumberReader): number {
  if (!JP2_SIGNATURE.every((byte, index) => view.getUint8(index) === byte)) {
    return 0;
  }
  let offset = 0;
  while (offset + 8 <= view.byteLength) {
    const length = view.getUint32(offset);
    if (view.getUint32(offset + 4) === CODESTREAM_BOX) {
      return offset + (length === 1 ? 16 : 8);
    }
    if (length < 8) {
      break;
    }
    offset += length;
  }
  throw damagedJpeg2000();
}

export function damagedJpeg2000(): PipelineError {
  return new PipelineError('pixel-data-corrupt', 'The JPEG 2000 codestream is cut off or damaged.');
}
