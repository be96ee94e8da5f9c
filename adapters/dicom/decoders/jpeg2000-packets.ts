import { damagedJpeg2000 as damaged } from './jpeg2000-markers.js';
import { createPacketReader } from './jpeg2000-packet-reader.js';
import type { PacketReader, Packets } from './jpeg2000-packet-reader.js';
import type { PlainCoding, Progression, Span } from './jpeg2000-plain.js';
import { createTagTree } from './tag-tree.js';
import type { TagTree } from './tag-tree.js';

/** Of a code-block's lengths, in the beginning. Source: T.800 B.10.7.1. */
const FIRST_LENGTH_BITS = 3;
/** More than any encoder makes of a radiograph: with them, reading headers would be the work, and the memory. */
const MAX_PRECINCTS = 2 ** 15;
const MAX_BLOCKS = 2 ** 19;
/** The same of packets, and of how often a code-block is looked at. */
const MAX_PACKETS = 2 ** 20;
const MAX_VISITS = 2 ** 24;
/** The kernel keeps sizes in 32 bits, with a bit for the half of what was not decoded. */
const MAX_PLANES = 30;

/** Of a code-block of high throughput: more than its samples can take. */
const MAX_HT_BYTES = 65_534;

/** Bands by where their high frequencies lie: nowhere, along rows, along columns, along both. */
export type BandKind = 'LL' | 'HL' | 'LH' | 'HH';

export interface CodeBlock {
  /** Place of its first sample within the band. */
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** Bit planes that may hold ones; their three passes each, but one of the highest, as far as they are coded. */
  planes: number;
  passes: number;
  /** Where its code stands, in this order. */
  readonly chunks: Span[];
}

export interface Band {
  readonly kind: BandKind;
  readonly width: number;
  readonly height: number;
  /** Place among the coding's steps. */
  readonly step: number;
  /** Those that have code. */
  readonly blocks: CodeBlock[];
}

export interface Resolution {
  readonly width: number;
  readonly height: number;
  /** LL of the lowest one, HL, LH and HH of any other. */
  readonly bands: readonly Band[];
}

interface Level extends Resolution {
  /** Logarithms of the precincts' sides. */
  readonly precinct: readonly [width: number, height: number];
  readonly precinctsAcross: number;
  readonly precinctCount: number;
  /** Those that have had a packet with something in it. */
  readonly precincts: Map<number, Precinct>;
}

/** What shares packets: for each band, the code-blocks of one rectangle. */
type Precinct = readonly {
  readonly band: Band;
  readonly blocks: readonly (CodeBlock & { lengthBits: number })[];
  readonly inclusion: TagTree;
  readonly zeroPlanes: TagTree;
}[];

/**
 * Reads packets and finds the code of the lowest `wanted` resolutions; `packets` may end behind the last one that they
 * need. Undefined for more parts than are reasonable, and for code-blocks of high throughput that have more than one pass, no code or too much.
 * Throws `pixel-data-corrupt`. Source: T.800 Annex B.
 */
export function readPackets(
  packets: Packets,
  coding: PlainCoding,
  size: { readonly width: number; readonly height: number },
  wanted: number,
): readonly Resolution[] | undefined {
  const levels = coding.precincts.map((_, r) => createLevel(coding, size, r));
  if (!isReasonable(coding, levels)) {
    return undefined;
  }
  const packetsOf = (some: readonly Level[]) =>
    some.reduce((sum, { precinctCount }) => sum + precinctCount, 0) * coding.layers;
  const lowest = levels.slice(0, wanted);
  let left = packetsOf(lowest);
  const reader = createPacketReader(packets);
  for (const { r, index, layer } of packetOrder(coding.progression, coding.layers, levels)) {
    if (left === 0) {
      break;
    }
    if (!readPacket(reader, levels[r]!, { r, index, layer }, coding)) {
      return undefined;
    }
    left -= r < wanted ? 1 : 0;
  }
  return lowest;
}

/** All counts come from numbers that the stream only says, so that nothing is made before they are looked at. */
function isReasonable(coding: PlainCoding, levels: readonly Level[]) {
  const { layers } = coding;
  let [precincts, blocks] = [0, 0];
  for (const [r, level] of levels.entries()) {
    const { blockWidth, blockHeight } = sidesInBands(coding, level, r);
    precincts += level.precinctCount;
    for (const { width, height } of level.bands) {
      blocks += Math.ceil(width / blockWidth) * Math.ceil(height / blockHeight);
    }
  }
  return (
    precincts <= MAX_PRECINCTS &&
    blocks <= MAX_BLOCKS &&
    precincts * layers <= MAX_PACKETS &&
    blocks * layers <= MAX_VISITS
  );
}

/** Source: T.800 B.5, B.6; everything begins at 0. */
function createLevel(
  { decompositions, precincts }: PlainCoding,
  size: { readonly width: number; readonly height: number },
  r: number,
): Level {
  const halved = (length: number, times: number) => Math.ceil(length / 2 ** times);
  const times = decompositions - r;
  const width = halved(size.width, times);
  const height = halved(size.height, times);
  const [low, lowHeight] = [halved(size.width, times + 1), halved(size.height, times + 1)];
  const band = (kind: BandKind, step: number, across: number, down: number): Band => {
    return { kind, step, width: across, height: down, blocks: [] };
  };
  const bands =
    r === 0
      ? [band('LL', 0, width, height)]
      : [
          band('HL', 3 * r - 2, width - low, lowHeight),
          band('LH', 3 * r - 1, low, height - lowHeight),
          band('HH', 3 * r, width - low, height - lowHeight),
        ];
  const precinct = precincts[r]!;
  const precinctsAcross = halved(width, precinct[0]);
  const precinctCount = precinctsAcross * halved(height, precinct[1]);
  return { width, height, bands, precinct, precinctsAcross, precinctCount, precincts: new Map() };
}

/** Sides of precincts and code-blocks in the samples of a band, which has half as many as its resolution. Source: T.800 B.7. */
function sidesInBands(coding: PlainCoding, { precinct }: Level, r: number) {
  const [width, height] = precinct.map((side) => (r === 0 ? side : side - 1)) as [number, number];
  return {
    width: 2 ** width,
    height: 2 ** height,
    blockWidth: 2 ** Math.min(coding.blockWidth, width),
    blockHeight: 2 ** Math.min(coding.blockHeight, height),
  };
}

/** Source: T.800 B.7, B.9. */
function createPrecinct(coding: PlainCoding, level: Level, r: number, index: number): Precinct {
  const { width, height, blockWidth, blockHeight } = sidesInBands(coding, level, r);
  const left = (index % level.precinctsAcross) * width;
  const top = Math.floor(index / level.precinctsAcross) * height;
  return level.bands.map((band) => {
    const right = Math.min(band.width, left + width);
    const bottom = Math.min(band.height, top + height);
    const across = Math.max(0, Math.ceil((right - left) / blockWidth));
    const down = Math.max(0, Math.ceil((bottom - top) / blockHeight));
    const blocks = Array.from({ length: across * down }, (_, block) => {
      const x = left + (block % across) * blockWidth;
      const y = top + Math.floor(block / across) * blockHeight;
      return {
        x,
        y,
        width: Math.min(blockWidth, right - x),
        height: Math.min(blockHeight, bottom - y),
        planes: 0,
        passes: 0,
        chunks: [],
        lengthBits: FIRST_LENGTH_BITS,
      };
    });
    const inclusion = createTagTree(across, down);
    return { band, blocks, inclusion, zeroPlanes: createTagTree(across, down) };
  });
}

interface PacketId {
  readonly r: number;
  readonly index: number;
  readonly layer: number;
}

/** Source: T.800 B.12.1. */
function* packetOrder(
  progression: Progression,
  layers: number,
  levels: readonly Level[],
): Generator<PacketId> {
  if (progression === 'LRCP') {
    for (let layer = 0; layer < layers; layer += 1) {
      for (const { r, index } of precinctsByResolution(levels)) {
        yield { r, index, layer };
      }
    }
  } else if (progression === 'RLCP') {
    for (const [r, { precinctCount }] of levels.entries()) {
      for (let layer = 0; layer < layers; layer += 1) {
        for (let index = 0; index < precinctCount; index += 1) {
          yield { r, index, layer };
        }
      }
    }
  } else {
    // Of one component, by components first is the same as by place first.
    const order = progression === 'RPCL' ? precinctsByResolution(levels) : precinctsByPlace(levels);
    for (const { r, index } of order) {
      for (let layer = 0; layer < layers; layer += 1) {
        yield { r, index, layer };
      }
    }
  }
}

function precinctsByResolution(levels: readonly Level[]) {
  return levels.flatMap(({ precinctCount }, r) =>
    Array.from({ length: precinctCount }, (_, index) => ({ r, index })),
  );
}

function precinctsByPlace(levels: readonly Level[]) {
  const placed = levels.flatMap(({ precinctCount, precinct, precinctsAcross }, r) => {
    const scale = 2 ** (levels.length - 1 - r);
    return Array.from({ length: precinctCount }, (_, index) => ({
      ...{ r, index },
      x: (index % precinctsAcross) * 2 ** precinct[0] * scale,
      y: Math.floor(index / precinctsAcross) * 2 ** precinct[1] * scale,
    }));
  });
  return placed.sort((a, b) => a.y - b.y || a.x - b.x || a.r - b.r);
}

/** Whether it could be read. Source: T.800 B.9, B.10. */
function readPacket(
  reader: PacketReader,
  level: Level,
  { r, index, layer }: PacketId,
  coding: PlainCoding,
): boolean {
  const { blockCoder, packetEnds } = coding;
  const included: { readonly block: CodeBlock; readonly length: number }[] = [];
  reader.beginHeader();
  if (reader.bit() === 1) {
    const precinct = level.precincts.get(index) ?? createPrecinct(coding, level, r, index);
    level.precincts.set(index, precinct);
    for (const { band, blocks, inclusion, zeroPlanes } of precinct) {
      for (const [at, block] of blocks.entries()) {
        const known = block.passes > 0;
        if (known ? reader.bit() === 0 : inclusion.read(at, layer + 1, reader.bit) > layer) {
          continue;
        }
        if (!known) {
          const most = bitPlanes(coding, band);
          block.planes = most - zeroPlanes.read(at, most, reader.bit);
          if (blockCoder === 'high-throughput' && most > MAX_PLANES) {
            return false;
          }
          if (block.planes <= 0 || block.planes > MAX_PLANES) {
            throw damaged();
          }
          band.blocks.push(block);
        }
        const passes = reader.passes();
        if (blockCoder === 'high-throughput' && (known || passes > 1)) {
          return false;
        }
        while (reader.bit() === 1) {
          block.lengthBits += 1;
        }
        const length = reader.bits(block.lengthBits + Math.floor(Math.log2(passes)));
        if (blockCoder === 'high-throughput' && (length < 2 || length > MAX_HT_BYTES)) {
          return false;
        }
        block.passes += passes;
        included.push({ block, length });
      }
    }
  }
  reader.endHeader(packetEnds);
  for (const { block, length } of included) {
    block.chunks.push(reader.take(length));
  }
  return true;
}

/** That samples of a band have at most. Source: T.800 E.1. */
export function bitPlanes({ guardBits, steps }: PlainCoding, { step }: Band): number {
  return guardBits + steps[step]!.exponent - 1;
}
