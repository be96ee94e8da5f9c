import type { PixelHeader } from '../../../core/dicom/instance-header.js';
import { PipelineError } from '../../../core/errors.js';
import { requireDeclaredDimensions } from './check-dimensions.js';
import { codestreamOf } from './codestream.js';
import type { Codestream } from './codestream.js';
import type { DecodedSamples, DecodeOptions, FrameDecoder } from './frame-decoder.js';
import { decodePlainJpeg2000 } from './jpeg2000-kernel.js';
import { readJpeg2000, SIGNED } from './jpeg2000-markers.js';
import type { Jpeg2000Header } from './jpeg2000-markers.js';
import { lendSamples } from './sample-memory.js';
import type { LentSamples } from './sample-memory.js';
import { sampleRange } from './sample-range.js';
import { createWasmCodec } from './wasm-codec.js';
import type { WasmCodec, WasmDecoder } from './wasm-codec.js';

/**
 * Of a reduced image beyond the range of samples, for each value in the range. What lies further beyond is no edge, but an
 * encoder that was given words with signs or overlays above the stored bits: those can only be put right before halving.
 */
const LARGEST_OVERSHOOT = 0.3;

interface Jpeg2000Decoder extends WasmDecoder {
  /** OpenJPEG wants the number of quality layers, 0 for all of them; OpenJPH takes no notice. */
  decodeSubResolution(halvings: number, layers?: number): void;
}

const openJpeg = createWasmCodec<Jpeg2000Decoder>(
  '@cornerstonejs/codec-openjpeg/decodewasmjs',
  'J2KDecoder',
);
const openJph = createWasmCodec<Jpeg2000Decoder>(
  '@cornerstonejs/codec-openjph/wasmjs',
  'HTJ2KDecoder',
);

/**
 * JPEG 2000 (1.2.840.10008.1.2.4.90, .91): plain grey images by our own decoder, which is faster and can leave bit planes
 * out, all others by OpenJPEG. Source: PS3.5 8.2.4, T.800.
 */
export const decodeJpeg2000: FrameDecoder<Codestream> = (codestream, header, options) => {
  const coded = readDeclared(codestream, header);
  const decoded = decodePlain(codestream, coded, header, options);
  return decoded ?? decodeByOpenJpeg(codestream, coded, header, options);
};

/**
 * High-throughput JPEG 2000 (1.2.840.10008.1.2.4.201 to .203): the same, and others by OpenJPH. Source: PS3.5 8.2.14,
 * T.814.
 */
export const decodeHtj2k: FrameDecoder<Codestream> = (codestream, header, options) => {
  const coded = readDeclared(codestream, header);
  const decoded = decodePlain(codestream, coded, header, options);
  return decoded ?? decode(openJph, codestream, coded, header, options);
};

function decodePlain(
  codestream: Codestream,
  coded: Jpeg2000Header,
  header: PixelHeader,
  options: DecodeOptions,
): DecodedSamples | undefined {
  const { width, height, plain, precision, signFlags } = coded;
  if (plain === undefined) {
    return undefined;
  }
  const reduction = usefulHalvings(coded, header, options.targetSize);
  const image = { width, height, precision, signed: signFlags.length > 0 };
  const detail = { reduction, contrastLimit: reduction === 0 ? 0 : contrastLimit(header) };
  const samples = decodePlainJpeg2000(codestream, plain, image, detail);
  if (samples === undefined) {
    return undefined;
  }
  if (reduction > 0 && samples.beyondRange > 2 ** precision * LARGEST_OVERSHOOT) {
    samples.release();
    return decodePlain(codestream, coded, header, { maxPixels: options.maxPixels });
  }
  const scale = 2 ** reduction;
  return exactWhereNeeded(
    {
      width: Math.ceil(width / scale),
      height: Math.ceil(height / scale),
      components: 1,
      ...(precision <= 8 ? asBytes(samples) : samples),
      planar: false,
      colourSpace: 'header',
      usedBits: precision,
      reduction,
      ...(reduction > 0 && { wavelet: coded.wavelet }),
    },
    header,
    () => decodePlain(codestream, coded, header, { maxPixels: options.maxPixels }),
  );
}

function asBytes({ data, release }: LentSamples): Pick<DecodedSamples, 'data'> {
  const bytes = Uint8Array.from(data);
  release();
  return { data: bytes };
}

/**
 * A contrast that counts, from the header: that of the narrowest window or table. 0 where padding is among the values, or
 * a table before the window bends them: then nobody knows what is far below the contrast. Unit: stored values.
 */
function contrastLimit(header: PixelHeader): number {
  const { modalityLut, voiLut, windows, RescaleSlope, PixelPaddingValue } = header;
  if (modalityLut !== undefined || PixelPaddingValue !== undefined) {
    return 0;
  }
  const widths = windows.map(({ width }) => width);
  return Math.min(...widths, voiLut?.entries.length ?? Infinity) / Math.abs(RescaleSlope);
}

function decodeByOpenJpeg(
  codestream: Codestream,
  coded: Jpeg2000Header,
  header: PixelHeader,
  options: DecodeOptions,
): Promise<DecodedSamples> {
  const { precision, signFlags } = coded;
  if (precision > 8 || signFlags.length === 0) {
    return decode(openJpeg, codestream, coded, header, options);
  }
  // The WebAssembly build cuts negative samples of up to 8 bits to 0. Read as unsigned the same stream
  // gives every sample plus half the range (T.800 G.1), and flipping the top bit takes that off again.
  const unsigned = Uint8Array.from(codestream.bytes());
  for (const offset of signFlags) {
    unsigned[offset]! &= ~SIGNED;
  }
  const meant = { ...coded, signFlags: [] };
  return decode(openJpeg, codestreamOf(unsigned), meant, header, options).then((samples) => {
    const data = samples.data.map((sample: number) => sample ^ (1 << (precision - 1)));
    return { ...samples, data };
  });
}

/** The stream's main header, which must be that of the image. */
function readDeclared(codestream: Codestream, header: PixelHeader): Jpeg2000Header {
  const coded = readJpeg2000(codestream);
  requireDeclaredDimensions(coded, header);
  return coded;
}

async function decode(
  codec: WasmCodec<Jpeg2000Decoder>,
  codestream: Codestream,
  coded: Jpeg2000Header,
  header: PixelHeader,
  options: DecodeOptions,
): Promise<DecodedSamples> {
  const samples = await codec.withDecoder(
    codestream,
    () => coded,
    (decoder): DecodedSamples => {
      const reduction = usefulHalvings(coded, header, options.targetSize);
      const width = Math.ceil(coded.width / 2 ** reduction);
      const height = Math.ceil(coded.height / 2 ** reduction);
      if (reduction === 0) {
        decoder.decode();
      } else {
        decoder.decodeSubResolution(reduction, 0);
      }
      const { componentCount, bitsPerSample, ...frame } = decoder.getFrameInfo();
      const decoded = decoder.getDecodedBuffer();
      // OpenJPEG reports a failure as an image of no size.
      const size = width * height * componentCount * (bitsPerSample <= 8 ? 1 : 2);
      if (frame.width === 0 || bitsPerSample !== coded.precision || decoded.length !== size) {
        throw new PipelineError('pixel-data-corrupt', 'The JPEG 2000 codestream is damaged.');
      }
      return {
        width,
        height,
        components: componentCount,
        ...lendSamples(decoded, bitsPerSample),
        planar: false,
        colourSpace: coded.colourTransform ? 'RGB' : 'header',
        usedBits: bitsPerSample,
        reduction,
        ...(reduction > 0 && { wavelet: coded.wavelet }),
      };
    },
  );
  return exactWhereNeeded(samples, header, () =>
    decode(codec, codestream, coded, header, { maxPixels: options.maxPixels }),
  );
}

/** What was decoded, or the whole image where a reduced one will not do. */
function exactWhereNeeded<Other>(
  samples: DecodedSamples,
  header: PixelHeader,
  decodeWhole: () => Other,
): DecodedSamples | Other {
  const roomAbove = (samples.usedBits ?? 0) > header.BitsStored;
  return samples.reduction > 0 && roomAbove && holdsMoreThanStored(samples, header)
    ? decodeWhole()
    : samples;
}

/**
 * Whether a reduced image has values that no overshoot explains: old objects keep overlays in the bits above
 * the stored ones (PS3.5 8.1.1), and they can only be masked away at full resolution.
 */
function holdsMoreThanStored({ data }: DecodedSamples, header: PixelHeader): boolean {
  const limit = 2 ** (header.BitsStored + 1);
  const words = data instanceof Uint16Array ? data : Uint16Array.from(data);
  const { min, max } = sampleRange(words, header.PixelRepresentation === 1);
  return max >= limit || min <= -limit;
}

/**
 * Halvings that images bear, from so many bits on. With fewer, what the codec rounds on the way is no longer small beside
 * the contrast, most of all in the integers of the reversible wavelet, and with every halving more so.
 */
const BEARABLE_HALVINGS = {
  '5/3': [
    { bits: 12, halvings: Infinity },
    { bits: 10, halvings: 1 },
  ],
  '9/7': [{ bits: 10, halvings: Infinity }],
} as const;

/** As many halvings as leave the shorter side at least `targetSize` pixels. */
function usefulHalvings(
  { width, height, components, signFlags, wavelet, halvings }: Jpeg2000Header,
  { BitsStored, HighBit, PixelRepresentation }: PixelHeader,
  targetSize: number | undefined,
): number {
  // Halving is arithmetic: it needs the values as they are meant, not their bits.
  const plain =
    components === 1 && HighBit === BitsStored - 1 && signFlags.length === PixelRepresentation;
  if (targetSize === undefined || !plain) {
    return 0;
  }
  const bearable = BEARABLE_HALVINGS[wavelet].find(({ bits }) => BitsStored >= bits)?.halvings ?? 0;
  let useful = 0;
  while (
    useful < Math.min(halvings, bearable) &&
    Math.min(width, height) / 2 ** (useful + 1) >= targetSize
  ) {
    useful += 1;
  }
  return useful;
}
