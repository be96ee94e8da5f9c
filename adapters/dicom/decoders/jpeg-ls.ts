import { PipelineError } from '../../../core/errors.js';
import { requireDeclaredDimensions } from './check-dimensions.js';
import type { FrameDecoder } from './frame-decoder.js';
import { readFrameHeader, readJpegSegments, requireEndOfImage } from './jpeg-markers.js';
import { copyBytes, createWasmCodec } from './wasm-codec.js';
import type { WasmDecoder } from './wasm-codec.js';

const JPEG_LS_FRAME = 0xf7;

/** Source: T.87 C.2.3. Line and sample interleaved colour comes out pixel by pixel. */
const INTERLEAVE_NONE = 0;

interface JpegLsDecoder extends WasmDecoder {
  getInterleaveMode(): number;
}

const codec = createWasmCodec<JpegLsDecoder>(
  '@cornerstonejs/codec-charls/decodewasmjs',
  'JpegLSDecoder',
);

/**
 * JPEG-LS lossless and near-lossless (1.2.840.10008.1.2.4.80, .81), by CharLS. The end of the image is
 * looked for first: CharLS spends seconds on a stream that is cut off. Source: PS3.5 8.2.3, T.87.
 */
export const decodeJpegLs: FrameDecoder = async (codestream, header) => {
  const frame = readFrameHeader(codestream, readJpegSegments(codestream));
  if (frame.marker !== JPEG_LS_FRAME || frame.precision > header.BitsAllocated) {
    throw new PipelineError('pixel-data-corrupt', 'The compressed image is not JPEG-LS.');
  }
  requireDeclaredDimensions(frame, header);
  requireEndOfImage(codestream);
  return codec.withDecoder(codestream, (decoder) => {
    decoder.decode();
    const { width, height, componentCount, bitsPerSample } = decoder.getFrameInfo();
    const bytes = copyBytes(decoder.getDecodedBuffer());
    return {
      width,
      height,
      components: componentCount,
      data: bitsPerSample <= 8 ? bytes : new Uint16Array(bytes.buffer),
      planar: componentCount > 1 && decoder.getInterleaveMode() === INTERLEAVE_NONE,
      colourSpace: 'header',
      usedBits: bitsPerSample,
      reduction: 0,
    };
  });
};
