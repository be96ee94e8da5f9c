import { describe, expect, it } from 'vitest';

import { createWasmCodec } from '../../adapters/dicom/decoders/wasm-codec.js';
import type { WasmDecoder } from '../../adapters/dicom/decoders/wasm-codec.js';
import { createHtj2kEncoder } from '../../cli/bench/encode-htj2k.js';
import type { Htj2kEncoder } from '../../cli/bench/encode-htj2k.js';
import { codestreamOf } from '../../adapters/dicom/decoders/codestream.js';
import { decodePlainJpeg2000 } from '../../adapters/dicom/decoders/jpeg2000-kernel.js';
import { readJpeg2000 } from '../../adapters/dicom/decoders/jpeg2000-markers.js';
import { decodeHtj2k } from '../../adapters/dicom/decoders/jpeg2000.js';
import { PipelineError } from '../../core/errors.js';
import { islands, largestDifference, untidy, waves } from '../support/coded-samples.js';
import type { Shape } from '../support/coded-samples.js';
import { pixelHeader } from '../support/pixel-header.js';

const openJph = createWasmCodec<WasmDecoder & { decodeSubResolution(halvings: number): void }>(
  '@cornerstonejs/codec-openjph/wasmjs',
  'HTJ2KDecoder',
);

const LARGE = { width: 323, height: 517, bits: 12, signed: false } as const;

type Choice = (encoder: Htj2kEncoder) => void;

const blocks =
  (width: number, height: number): Choice =>
  (encoder) => {
    encoder.setBlockDimensions({ width, height });
  };
const levels =
  (count: number): Choice =>
  (encoder) => {
    encoder.setDecompositions(count);
  };
const order =
  (number: number): Choice =>
  (encoder) => {
    encoder.setProgressionOrder(number);
  };
const precincts =
  (...sides: number[]): Choice =>
  (encoder) => {
    encoder.setNumPrecincts(sides.length);
    for (const [index, side] of sides.entries()) {
      encoder.setPrecinct(index, { width: side, height: side });
    }
  };
const parts: Choice = (encoder) => {
  encoder.setTilePartDivisionsAtResolutions(true);
  encoder.setTLMMarker(true);
};
const lossy: Choice = (encoder) => {
  encoder.setQuality(false, 0.001);
};

/** What encoders may choose. */
const VARIANTS: readonly (readonly [name: string, shape: Shape, choices: readonly Choice[]])[] = [
  ['12 bits', LARGE, []],
  ['8 bits', { ...LARGE, bits: 8 }, []],
  ['10 bits', { ...LARGE, bits: 10 }, []],
  ['16 bits', { ...LARGE, bits: 16 }, []],
  ['16 signed bits', { ...LARGE, bits: 16, signed: true }, []],
  ['one column', { ...LARGE, width: 1 }, [levels(1)]],
  ['one row', { ...LARGE, height: 1 }, [levels(1)]],
  ['one sample', { ...LARGE, width: 1, height: 1 }, [levels(0)]],
  ['2 x 3', { ...LARGE, width: 2, height: 3 }, [levels(2)]],
  ['5 x 4', { ...LARGE, width: 5, height: 4 }, [levels(3)]],
  ['whole code-blocks', { ...LARGE, width: 128, height: 128 }, [levels(1)]],
  ['no decomposition', LARGE, [levels(0)]],
  ['many decompositions', LARGE, [levels(8)]],
  ['blocks of 32 x 32', LARGE, [blocks(32, 32)]],
  ['blocks of 4 x 4', { ...LARGE, height: 100 }, [blocks(4, 4)]],
  ['blocks of 4 x 1024', { ...LARGE, height: 2100, width: 41 }, [blocks(4, 1024), levels(1)]],
  ['blocks of 1024 x 4', { ...LARGE, width: 2101, height: 41 }, [blocks(1024, 4), levels(1)]],
  ['blocks of 8 x 512', { ...LARGE, width: 100, height: 1100 }, [blocks(8, 512), levels(1)]],
  ['precincts in LRCP', LARGE, [order(0), precincts(64)]],
  ['precincts in RLCP', LARGE, [order(1), precincts(128, 64)]],
  ['precincts in RPCL', LARGE, [order(2), precincts(64)]],
  ['precincts in PCRL', LARGE, [order(3), precincts(128, 64, 32)]],
  ['precincts in CPRL', LARGE, [order(4), precincts(64)]],
  ['tile-parts', LARGE, [parts]],
];

const CONTENTS = { waves, islands };

async function encode(shape: Shape, choices: readonly Choice[], content = waves): Promise<Buffer> {
  const encoder = await createHtj2kEncoder();
  const { width, height, bits: bitsPerSample, signed: isSigned } = shape;
  const frame = { width, height, bitsPerSample, isSigned };
  encoder.setQuality(true, 0);
  encoder
    .getDecodedBuffer({ ...frame, componentCount: 1, isUsingColorTransform: false })
    .set(content(shape));
  for (const choose of choices) {
    choose(encoder);
  }
  encoder.encode();
  const stream = Buffer.from(encoder.getEncodedBuffer());
  encoder.delete();
  return stream;
}

/** What OpenJPH makes of it, which lets values of reduced images lie outside the range of samples. */
async function decodeByPeer(
  stream: Buffer,
  reduction: number,
  { bits, signed }: Shape,
): Promise<Uint16Array> {
  const bytes = await openJph.withDecoder(
    codestreamOf(stream),
    () => undefined,
    (decoder) => {
      decoder.decodeSubResolution(reduction);
      return Buffer.from(decoder.getDecodedBuffer());
    },
  );
  const words =
    bits <= 8 ? bytes : new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length >> 1);
  if (reduction === 0) {
    return Uint16Array.from(words);
  }
  const [low, high] = signed ? [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1] : [0, 2 ** bits - 1];
  return Uint16Array.from(words, (word) => {
    const value = signed ? (word << 16) >> 16 : word;
    return Math.min(high, Math.max(low, value));
  });
}

function decodeByUs(stream: Buffer, reduction: number) {
  const codestream = codestreamOf(stream);
  const { plain, signFlags, ...size } = readJpeg2000(codestream);
  if (plain === undefined) {
    return undefined;
  }
  const image = { ...size, signed: signFlags.length === 1 };
  return decodePlainJpeg2000(codestream, plain, image, { reduction, contrastLimit: Infinity })
    ?.data;
}

describe('high-throughput JPEG 2000', () => {
  it.each(VARIANTS)(
    'is what OpenJPH decodes, at every resolution: %s',
    async (_, shape, choices) => {
      for (const [name, content] of Object.entries(CONTENTS)) {
        const stream = await encode(shape, choices, content);
        const halvings = readJpeg2000(codestreamOf(stream)).halvings;
        for (let reduction = 0; reduction <= halvings; reduction += 1) {
          const difference = largestDifference(
            decodeByUs(stream, reduction),
            await decodeByPeer(stream, reduction, shape),
          );
          expect(difference, `${name}, halved ${String(reduction)} times`).toBe(0);
        }
      }
    },
  );

  it('is that within rounding where it was coded with loss', async () => {
    const stream = await encode(LARGE, [lossy]);
    for (const reduction of [0, 2]) {
      const ours = decodeByUs(stream, reduction);
      const difference = largestDifference(ours, await decodeByPeer(stream, reduction, LARGE));
      expect(difference).toBeLessThanOrEqual(1);
    }
  });

  it.each([
    { ...LARGE, bits: 10 },
    { ...LARGE, signed: true },
    { ...LARGE, bits: 15, signed: true },
  ])(
    'has what an encoder was given beyond the range: $bits bits, signed $signed',
    async (shape) => {
      const stream = await encode(shape, [], untidy);
      const words = untidy(shape);
      const expected = Uint16Array.from({ length: words.length / 2 }, (_, at) =>
        words.readUInt16LE(2 * at),
      );
      expect(largestDifference(decodeByUs(stream, 0), expected)).toBe(0);
    },
  );

  it('is not halved where it has words beyond the range', async () => {
    const shape = { ...LARGE, bits: 12, signed: true };
    const header = pixelHeader({
      Rows: LARGE.height,
      Columns: LARGE.width,
      PixelRepresentation: 1,
    });
    const reductionOf = async (content: typeof waves) => {
      const stream = codestreamOf(await encode(shape, [], content));
      const decoded = await decodeHtj2k(stream, header, { maxPixels: 1e6, targetSize: 100 });
      return decoded.reduction;
    };
    expect(await reductionOf(waves)).toBe(1);
    expect(await reductionOf(untidy)).toBe(0);
  });

  it.each([1, 2, 3])('is that where %d bit planes are missing', async (planes) => {
    for (const choices of [[], [lossy]]) {
      const stream = await encode(LARGE, choices);
      // As many more may hold ones, and as many fewer have been coded.
      const qcd = stream.indexOf(Buffer.from([0xff, 0x5c]));
      stream[qcd + 4]! += planes << 5;
      const ours = decodeByUs(stream, 0)?.map((word) => Math.min(word, 2 ** LARGE.bits - 1));
      const theirs = (await decodeByPeer(stream, 0, LARGE)).map((word) => Math.min(word, 4095));
      const difference = largestDifference(ours, theirs);
      expect(difference).toBeLessThanOrEqual(choices.length === 0 ? 0 : 1);
    }
  });

  it('is left to others where more than its own part of the standard is needed', async () => {
    const stream = await encode(LARGE, []);
    const cap = stream.indexOf(Buffer.from([0xff, 0x50]));
    expect(readJpeg2000(codestreamOf(stream)).plain).toBeDefined();
    stream[cap + 4]! |= 0x40;
    expect(readJpeg2000(codestreamOf(stream)).plain).toBeUndefined();
  });

  it('is read no further than a resolution needs', async () => {
    const shape = { ...LARGE, width: 1500, height: 1200 };
    const stream = await encode(shape, []);
    let read = 0;
    const codestream = {
      ...codestreamOf(stream),
      bytes(count = stream.length) {
        read = Math.max(read, count);
        return stream.subarray(0, count);
      },
    };
    const header = pixelHeader({ Rows: shape.height, Columns: shape.width });
    const decoded = await decodeHtj2k(codestream, header, { maxPixels: 1e7, targetSize: 250 });
    expect(decoded.reduction).toBe(2);
    expect(read).toBeLessThan(stream.length / 4);
    const expected = await decodeByPeer(stream, 2, shape);
    expect(largestDifference(Uint16Array.from(decoded.data), expected)).toBe(0);
  });

  it.each([0.2, 0.5, 0.9])(
    'is refused, or what it says, where bytes are damaged: %d',
    async (where) => {
      const stream = await encode(LARGE, [blocks(32, 32)]);
      const outcomes = new Set<string>();
      for (let index = 0; index < 40; index += 1) {
        const damaged = Buffer.from(stream);
        const at = Math.floor(stream.length * where) + index;
        damaged[at]! ^= 0xff >> (index % 8);
        try {
          decodeByUs(damaged, 0);
          outcomes.add('decoded');
        } catch (error) {
          outcomes.add(error instanceof PipelineError ? error.code : String(error));
        }
      }
      expect(
        [...outcomes].filter((code) => !['decoded', 'pixel-data-corrupt'].includes(code)),
      ).toEqual([]);
    },
  );
});
