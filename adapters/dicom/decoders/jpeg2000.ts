import type { PixelHeader } from '../../../core/dicom/instance-header.js';
import { PipelineError } from '../../../core/errors.js';
import { requireDeclaredDimensions } from './check-dimensions.js';
import type { DecodedSamples, FrameDecoder } from './frame-decoder.js';
import { readJpeg2000, SIGNED } from './jpeg2000-markers.js';
import { copyBytes, createWasmCodec } from './wasm-codec.js';
import type { WasmCodec, WasmDecoder } from './wasm-codec.js';

const openJpeg = createWasmCodec('@cornerstonejs/codec-openjpeg/decodewasmjs', 'J2KDecoder');
const openJph = createWasmCodec('@cornerstonejs/codec-openjph/wasmjs', 'HTJ2KDecoder');

/** JPEG 2000 (1.2.840.10008.1.2.4.90, .91) by OpenJPEG. Source: PS3.5 8.2.4, T.800. */
export const decodeJpeg2000: FrameDecoder = async (codestream, header) => {
  const { precision, signFlags } = readJpeg2000(codestream);
  if (precision > 8 || signFlags.length === 0) {
    return decode(openJpeg, codestream, header);
  }
  // The WebAssembly build cuts negative samples of up to 8 bits to 0. Read as unsigned the same stream
  // gives every sample plus half the range (T.800 G.1), and flipping the top bit takes that off again.
  const unsigned = Uint8Array.from(codestream);
  for (const offset of signFlags) {
    unsigned[offset]! &= ~SIGNED;
  }
  const samples = await decode(openJpeg, unsigned, header);
  const data = samples.data.map((sample: number) => sample ^ (1 << (precision - 1)));
  return { ...samples, data };
};

/** High-throughput JPEG 2000 (1.2.840.10008.1.2.4.201 to .203) by OpenJPH. Source: PS3.5 8.2.14, T.814. */
export const decodeHtj2k: FrameDecoder = (codestream, header) =>
  decode(openJph, codestream, header);

async function decode(
  codec: WasmCodec<WasmDecoder>,
  codestream: Uint8Array,
  header: PixelHeader,
): Promise<DecodedSamples> {
  const coded = readJpeg2000(codestream);
  requireDeclaredDimensions(coded, header);
  return codec.withDecoder(codestream, (decoder) => {
    decoder.decode();
    const { width, height, componentCount, bitsPerSample } = decoder.getFrameInfo();
    // OpenJPEG reports a failure as an image of no size.
    if (width === 0 || height === 0 || bitsPerSample !== coded.precision) {
      throw new PipelineError('pixel-data-corrupt', 'The JPEG 2000 codestream is damaged.');
    }
    const bytes = copyBytes(decoder.getDecodedBuffer());
    return {
      width,
      height,
      components: componentCount,
      data: bitsPerSample <= 8 ? bytes : new Uint16Array(bytes.buffer),
      planar: false,
      colourSpace: coded.colourTransform ? 'RGB' : 'header',
      usedBits: bitsPerSample,
      reduction: 0,
      phase: 0,
    };
  });
}
