import type { Wavelet } from '../../../core/imaging/wavelet.js';
import type { NumberReader } from './codestream.js';

const CAP = 0xff50;
export const SIZ = 0xff51;
export const COD = 0xff52;
const TLM = 0xff55;
const PLM = 0xff57;
const PLT = 0xff58;
const CPF = 0xff59;
const QCD = 0xff5c;
const CRG = 0xff63;
const COM = 0xff64;
const SOD = 0xff93;
const SOT_BYTES = 12;
/** What may stand beside SIZ, COD and QCD without changing what samples mean. Source: T.800 Table A.2, T.814 A.3. */
const MAIN_MARKERS = [SIZ, COD, QCD, TLM, PLM, CRG, COM];
const HIGH_THROUGHPUT_MARKERS = [...MAIN_MARKERS, CAP, CPF];
/** Of Pcap: that T.814 is needed, and no other part. Source: T.814 A.3. */
const PART_15_ALONE = 0x0002_0000;
const TILE_MARKERS = [PLT, COM];

/** Precincts that are as large as can be. Source: T.800 Table A.13. */
const LARGEST_PRECINCT = 0xff;
const MAX_DECOMPOSITIONS = 32;
/** Logarithms of a code-block's sides and of their product. Source: T.800 Table A.18. */
const MAX_BLOCK_SIDE = 10;
const MAX_BLOCK_SAMPLES = 12;

/** By the style of code-blocks, where there is nothing else to it. Source: T.800 Table A.19, T.814 Table A.4. */
const BLOCK_CODERS: Readonly<Record<number, BlockCoder | undefined>> = {
  0: 'arithmetic',
  0x40: 'high-throughput',
};
/** Logarithm of the samples that the kernel writes at once, in which code-blocks must begin then. */
const WRITTEN_AT_ONCE = 2;

export type BlockCoder = 'arithmetic' | 'high-throughput';

/** In the order of their numbers. Source: T.800 Table A.16. */
export const PROGRESSIONS = ['LRCP', 'RLCP', 'RPCL', 'PCRL', 'CPRL'] as const;

export type Progression = (typeof PROGRESSIONS)[number];

export interface Segment {
  readonly marker: number;
  /** Of what stands behind the length. */
  readonly offset: number;
  readonly length: number;
}

export interface Span {
  readonly offset: number;
  readonly length: number;
}

/**
 * How an image of one component and one tile at the origin is coded, where nothing changes it on the way: no styles of
 * code-blocks but high throughput, regions of interest, packed packet headers, changes of progression, parameters of a tile or component.
 */
export interface PlainCoding {
  readonly wavelet: Wavelet;
  readonly decompositions: number;
  readonly progression: Progression;
  readonly layers: number;
  readonly blockCoder: BlockCoder;
  /** Logarithms of sides in samples. */
  readonly blockWidth: number;
  readonly blockHeight: number;
  /** The same of precincts, for each resolution. */
  readonly precincts: readonly (readonly [width: number, height: number])[];
  /** Whether a packet's header ends with a marker. */
  readonly packetEnds: boolean;
  readonly guardBits: number;
  /** For LL, then HL, LH and HH of each resolution; mantissas of 11 bits, 0 for the reversible wavelet. */
  readonly steps: readonly { readonly exponent: number; readonly mantissa: number }[];
  /** Packets, in this order. */
  readonly bodies: readonly Span[];
}

type Transformation = Pick<PlainCoding, 'decompositions' | 'wavelet'>;

/**
 * Source: T.800 Annex A. Undefined where the coding is another one; whether size and components fit is not looked at.
 * Throws RangeError when the stream ends too early.
 */
export function readPlainCoding(
  view: NumberReader,
  segments: readonly Segment[],
  tileParts: readonly Span[],
  transformation: Transformation,
): PlainCoding | undefined {
  const only = (marker: number) => {
    const [first, second] = segments.filter((segment) => segment.marker === marker);
    return second === undefined ? first : undefined;
  };
  const cod = only(COD);
  const qcd = only(QCD);
  if (!cod || !qcd) {
    return undefined;
  }
  const coding = readCodingStyle(view, cod, transformation);
  const bodies = tileParts.map((part) => bodyOf(view, part));
  if (
    coding === undefined ||
    !hasPlainMarkers(view, segments, coding.blockCoder) ||
    !bodies.every((body) => body !== undefined)
  ) {
    return undefined;
  }
  const quantisation = readQuantisation(view, qcd, coding);
  return quantisation && { ...coding, ...quantisation, bodies };
}

function hasPlainMarkers(view: NumberReader, segments: readonly Segment[], coder: BlockCoder) {
  const known = coder === 'arithmetic' ? MAIN_MARKERS : HIGH_THROUGHPUT_MARKERS;
  return segments.every(
    ({ marker, offset }) =>
      known.includes(marker) && (marker !== CAP || view.getUint32(offset) === PART_15_ALONE),
  );
}

/** Source: T.800 A.6.1. */
function readCodingStyle(
  view: NumberReader,
  { offset, length }: Segment,
  { decompositions, wavelet }: Transformation,
) {
  const style = view.getUint8(offset);
  const progression = PROGRESSIONS[view.getUint8(offset + 1)];
  const layers = view.getUint16(offset + 2);
  const blockWidth = view.getUint8(offset + 6) + 2;
  const blockHeight = view.getUint8(offset + 7) + 2;
  const blockCoder = BLOCK_CODERS[view.getUint8(offset + 8)];
  const isKnown = view.getUint8(offset + 9) <= 1;
  const resolutions = decompositions + 1;
  const ownPrecincts = (style & 1) !== 0;
  const precincts = Array.from(
    { length: Math.min(resolutions, MAX_DECOMPOSITIONS + 1) },
    (_, r) => {
      const sides = ownPrecincts ? view.getUint8(offset + 10 + r) : LARGEST_PRECINCT;
      return [sides & 15, sides >> 4] as const;
    },
  );
  const plain =
    progression !== undefined &&
    layers > 0 &&
    decompositions <= MAX_DECOMPOSITIONS &&
    Math.max(blockWidth, blockHeight) <= MAX_BLOCK_SIDE &&
    blockWidth + blockHeight <= MAX_BLOCK_SAMPLES &&
    blockCoder !== undefined &&
    isKnown &&
    precincts.every(([width, height], r) => r === 0 || (width > 0 && height > 0)) &&
    (blockCoder === 'arithmetic' ||
      precincts.every(([width], r) => width - (r === 0 ? 0 : 1) >= WRITTEN_AT_ONCE)) &&
    (!ownPrecincts || length >= 10 + resolutions);
  return plain
    ? {
        ...{ wavelet, decompositions, progression, layers, precincts },
        ...{ blockCoder, blockWidth, blockHeight },
        packetEnds: (style & 4) !== 0,
      }
    : undefined;
}

/** Source: T.800 A.6.4, E.1.1. */
function readQuantisation(
  view: NumberReader,
  { offset, length }: Segment,
  { decompositions, wavelet }: Transformation,
) {
  const style = view.getUint8(offset) & 0x1f;
  const guardBits = view.getUint8(offset) >> 5;
  const bands = 3 * decompositions + 1;
  // None for the reversible wavelet; for the other one a step for LL from which all follow, or one for each band.
  if (style > 2 || (style === 0) !== (wavelet === '5/3')) {
    return undefined;
  }
  if (length < 1 + (style === 0 ? bands : style === 1 ? 2 : 2 * bands)) {
    return undefined;
  }
  const steps = Array.from({ length: bands }, (_, band) => {
    if (style === 0) {
      return { exponent: view.getUint8(offset + 1 + band) >> 3, mantissa: 0 };
    }
    const step = view.getUint16(offset + 1 + (style === 2 ? 2 * band : 0));
    const coarser = style === 2 ? 0 : Math.max(0, Math.ceil(band / 3) - 1);
    return { exponent: (step >> 11) - coarser, mantissa: step & 0x7ff };
  });
  return { guardBits, steps };
}

/** What stands behind a tile-part's header, where that changes nothing. Source: T.800 A.4.2, A.4.3. */
function bodyOf(view: NumberReader, { offset, length }: Span): Span | undefined {
  let at = offset + SOT_BYTES;
  for (;;) {
    const marker = view.getUint16(at);
    if (marker === SOD) {
      const start = at + 2;
      return start <= offset + length
        ? { offset: start, length: offset + length - start }
        : undefined;
    }
    if (!TILE_MARKERS.includes(marker)) {
      return undefined;
    }
    at += 2 + view.getUint16(at + 2);
  }
}
