import type { Wavelet } from '../../../core/imaging/wavelet.js';
import { withKernel } from '../../../core/kernel/kernel.js';
import type { Address, Kernel } from '../../../core/kernel/kernel.js';
import { codestreamOf } from './codestream.js';
import type { Codestream } from './codestream.js';
import { damagedJpeg2000 as damaged } from './jpeg2000-markers.js';
import { bitPlanes, readPackets } from './jpeg2000-packets.js';
import type { Packets } from './jpeg2000-packet-reader.js';
import type { Band, BandKind, CodeBlock, Resolution } from './jpeg2000-packets.js';
import type { PlainCoding } from './jpeg2000-plain.js';
import { lendSamples } from './sample-memory.js';
import type { LentSamples } from './sample-memory.js';

/** Numbers that core/kernel/jpeg2000.c has for kinds of bands. */
const KIND_NUMBERS: Readonly<Record<BandKind, number>> = { LL: 0, LH: 0, HL: 1, HH: 2 };
/** Whether it is the reversible one, for core/kernel/wavelet.c. */
const WAVELET_NUMBERS: Readonly<Record<Wavelet, number>> = { '5/3': 1, '9/7': 0 };
/** Logarithms of the gains of bands. Source: T.800 Table E.1. */
const GAIN_BITS: Readonly<Record<BandKind, number>> = { LL: 0, LH: 1, HL: 1, HH: 2 };
/** Words that stand free on either side of a row, whose length is a multiple of as many. See core/kernel/wavelet.c. */
const MARGIN = 4;
const WORD_BITS = 16;
/** What the kernel needs beside a code-block's bytes. */
const CODE_PADDING = 16384;

/** Of the lowest resolution, as many samples tell the contrast. */
const CONTRAST_SAMPLES = 4096;
/** Percentiles between which an image's contrast lies. */
const CONTRAST_ENDS = [0.01, 0.99] as const;
/**
 * Steps that the contrast keeps in the highest frequencies; those of each resolution below are a quarter as large, where
 * frequencies lie high in both directions twice as large. The images of docs/pixels.md moved no further by it.
 */
const CONTRAST_STEPS = 512;
const STEP_RATIO = 4;
const DIAGONAL_RATIO = 2;

export interface Jpeg2000Image {
  readonly width: number;
  readonly height: number;
  /** Bits of a sample. */
  readonly precision: number;
  readonly signed: boolean;
}

export interface Jpeg2000Detail {
  /** Number of halvings, at most those of the coding. */
  readonly reduction: number;
  /**
   * Bit planes of high frequencies that lie far below the image's contrast, and below this one, are left out; 0 for
   * none. Unit: stored values.
   */
  readonly contrastLimit: number;
}

export interface PlainSamples extends LentSamples {
  /** How far samples were beyond their range before they were held in it. Unit: stored values. */
  readonly beyondRange: number;
}

/**
 * Decodes an image in the kernel. Shape of the samples, of 16 bits: [height, width], halved as often as asked for. Undefined for a
 * stream of more parts than are reasonable, or of high throughput in more than one pass. Throws `pixel-data-corrupt`.
 * Source: T.800, T.814.
 */
export function decodePlainJpeg2000(
  stream: Codestream,
  coding: PlainCoding,
  image: Jpeg2000Image,
  detail: Jpeg2000Detail,
): PlainSamples | undefined {
  const packets = packetsOf(stream, coding);
  const wanted = coding.decompositions + 1 - detail.reduction;
  const resolutions = readPackets(packets, coding, image, wanted);
  if (resolutions === undefined) {
    return undefined;
  }
  return withKernel((kernel) => {
    const data = packets.bytes(endOfCode(resolutions));
    const decodeBand = bandDecoder(kernel, data, coding, image.precision);
    // A pass of high throughput holds all bits of a sample.
    const leavesOut = detail.contrastLimit > 0 && coding.blockCoder === 'arithmetic';
    let low = 0;
    let contrast = 0;
    for (const [r, { width, height, bands }] of resolutions.entries()) {
      const below = resolutions.length - 1 - r;
      const tolerated = contrast / CONTRAST_STEPS / STEP_RATIO ** below;
      const decoded = bands.map((band) =>
        decodeBand(band, band.kind === 'HH' ? tolerated * DIAGONAL_RATIO : tolerated),
      );
      if (r > 0) {
        low = joinBands(kernel, coding, low, decoded, { width, height });
      } else {
        [low = 0] = decoded;
        contrast = leavesOut
          ? Math.min(contrastOf(kernel, low, coding, { width, height }), detail.contrastLimit)
          : 0;
      }
    }
    // Encoders of high throughput have been given words that reach beyond the range, and take them as they are.
    const asGiven =
      detail.reduction === 0 && coding.blockCoder !== 'arithmetic' && coding.wavelet === '5/3';
    const heldBits = asGiven ? WORD_BITS : image.precision;
    return samplesOf(kernel, coding, low, { ...image, ...resolutions.at(-1)!, heldBits });
  });
}

function packetsOf(stream: Codestream, { bodies }: PlainCoding): Packets {
  const [body] = bodies;
  if (body !== undefined && bodies.length === 1) {
    const { offset, length } = body;
    return {
      length,
      bytes: (count = length) => stream.bytes(offset + count).subarray(offset),
    };
  }
  const all = stream.bytes();
  return codestreamOf(
    Buffer.concat(bodies.map(({ offset, length }) => all.subarray(offset, offset + length))),
  );
}

function endOfCode(resolutions: readonly Resolution[]): number {
  let end = 0;
  for (const { bands } of resolutions) {
    for (const { chunks } of bands.flatMap(({ blocks }) => blocks)) {
      for (const { offset, length } of chunks) {
        end = Math.max(end, offset + length);
      }
    }
  }
  return end;
}

interface Size {
  readonly width: number;
  readonly height: number;
}

/** Decodes bands into planes of their own, in steps of stored values that are tolerated. */
function bandDecoder(
  kernel: Kernel,
  data: Uint8Array,
  coding: PlainCoding,
  precision: number,
): (band: Band, tolerated: number) => Address {
  return (band, tolerated) => {
    const { exponent, mantissa } = coding.steps[band.step]!;
    // What a quantised size of 1 stands for. Source: T.800 E.1.1.
    const step = 2 ** (precision + GAIN_BITS[band.kind] - exponent) * (1 + mantissa / 2048);
    const reversible = coding.wavelet === '5/3';
    const unit = reversible ? 1 : step;
    const skipped = tolerated < unit ? 0 : Math.floor(Math.log2(tolerated / unit));
    const decodeBlock =
      coding.blockCoder === 'arithmetic'
        ? arithmeticDecoder(kernel, band, skipped)
        : highThroughputDecoder(kernel, bitPlanes(coding, band));
    const longest = band.blocks.reduce((most, block) => Math.max(most, codeLength(block)), 0);
    const plane = allocatePlane(kernel, band);
    const coded = band.blocks.reduce((area, { width, height }) => area + width * height, 0);
    if (coded < band.width * band.height) {
      // A block without code has only zeros.
      kernel.bytes(plane, planeBytes(band)).fill(0);
    }
    const from = kernel.allocate(longest);
    const clean = kernel.allocate(longest + CODE_PADDING);
    const code = kernel.bytes(from, longest);
    const pitch = pitchOf(band.width);
    for (const block of band.blocks) {
      let bytes = 0;
      for (const { offset, length } of block.chunks) {
        code.set(data.subarray(offset, offset + length), bytes);
        bytes += length;
      }
      const to = plane + 4 * (MARGIN + block.y * pitch + block.x);
      decodeBlock(block, { from, bytes, clean, step: reversible ? 0 : step, to, pitch });
    }
    return plane;
  };
}

/** Where a code-block's code is, where its samples go, and their unit, 0 for integers. */
interface BlockPlace {
  readonly from: Address;
  readonly bytes: number;
  readonly clean: Address;
  readonly step: number;
  readonly to: Address;
  readonly pitch: number;
}

type BlockDecoder = (block: CodeBlock, place: BlockPlace) => void;

function arithmeticDecoder(kernel: Kernel, { kind }: Band, skipped: number): BlockDecoder {
  return ({ width, height, planes, passes }, { from, bytes, clean, step, to, pitch }) => {
    kernel.exports.jpeg2000_block(
      from,
      bytes,
      clean,
      KIND_NUMBERS[kind],
      width,
      height,
      planes,
      passes,
      skipped,
      step,
      to,
      pitch,
    );
  };
}

/** Throws `pixel-data-corrupt`. */
function highThroughputDecoder(kernel: Kernel, bandPlanes: number): BlockDecoder {
  return ({ width, height, planes }, { from, bytes, clean, step, to, pitch }) => {
    const below = planes - 1;
    const failed = kernel.exports.high_throughput_block(
      from,
      bytes,
      clean,
      width,
      height,
      bandPlanes - below,
      below,
      step,
      to,
      pitch,
    );
    if (failed !== 0) {
      throw damaged();
    }
  };
}

function codeLength({ chunks }: CodeBlock): number {
  return chunks.reduce((sum, { length }) => sum + length, 0);
}

/** The next resolution from LL and HL, LH, HH. */
function joinBands(
  kernel: Kernel,
  { wavelet }: PlainCoding,
  ll: Address,
  [hl = 0, lh = 0, hh = 0]: readonly Address[],
  size: Size,
): Address {
  const { width, height } = size;
  const to = allocatePlane(kernel, size);
  const scratch = kernel.allocate(2 * 4 * pitchOf((width + 1) >> 1));
  kernel.exports.wavelet_step(WAVELET_NUMBERS[wavelet], ll, lh, hl, hh, width, height, to, scratch);
  return to;
}

/** The samples of a plane, which they overwrite. */
function samplesOf(
  kernel: Kernel,
  { wavelet }: PlainCoding,
  plane: Address,
  image: Jpeg2000Image & { readonly heldBits: number },
): PlainSamples {
  const { width, height, precision, signed, heldBits } = image;
  const beyond = kernel.exports.wavelet_samples(
    WAVELET_NUMBERS[wavelet],
    plane,
    width,
    height,
    precision,
    signed ? 1 : 0,
    heldBits,
  );
  const samples = lendSamples(kernel.bytes(plane, 2 * width * height), WORD_BITS);
  return { ...samples, beyondRange: Math.max(0, beyond) };
}

/** Distance between the percentiles of a plane's samples. Unit: stored values. */
function contrastOf(
  kernel: Kernel,
  plane: Address,
  { wavelet }: PlainCoding,
  { width, height }: Size,
): number {
  const words = pitchOf(width) * height;
  const all = wavelet === '5/3' ? kernel.int32(plane, words) : kernel.float32(plane, words);
  const stride = Math.max(1, Math.floor((width * height) / CONTRAST_SAMPLES));
  const some = Float64Array.from({ length: Math.ceil((width * height) / stride) }, (_, index) => {
    const at = index * stride;
    return all[Math.floor(at / width) * pitchOf(width) + MARGIN + (at % width)] ?? 0;
  }).sort();
  const [low = 0, high = 0] = CONTRAST_ENDS.map(
    (part) => some[Math.round(part * (some.length - 1))],
  );
  return high - low;
}

/** Words of a row. */
function pitchOf(width: number): number {
  return Math.ceil(width / MARGIN) * MARGIN + 2 * MARGIN;
}

function planeBytes({ width, height }: Size): number {
  return 4 * pitchOf(width) * height;
}

function allocatePlane(kernel: Kernel, size: Size): Address {
  return kernel.allocate(planeBytes(size));
}
