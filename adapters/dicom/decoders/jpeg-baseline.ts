import { PipelineError } from '../../../core/errors.js';
import { requireDeclaredDimensions } from './check-dimensions.js';
import type { FrameDecoder } from './frame-decoder.js';
import { decodeJpegExtended12 } from './jpeg-extended12.js';
import { readFrameHeader, readJpegSegments, requireEndOfImage } from './jpeg-markers.js';
import { copyBytes, createWasmCodec } from './wasm-codec.js';

const codec = createWasmCodec(
  '@cornerstonejs/codec-libjpeg-turbo-8bit/decodewasmjs',
  'JPEGDecoder',
);

/**
 * JPEG baseline and extended sequential (1.2.840.10008.1.2.4.50, .51): 8 bits by libjpeg-turbo, which
 * throws on streams that are cut off or damaged; 12 bits by our own decoder. Source: PS3.5 8.2.1, T.81.
 */
export const decodeJpegBaseline: FrameDecoder = async (codestream, header) => {
  const frame = readFrameHeader(codestream, readJpegSegments(codestream));
  if (frame.precision === 12) {
    return decodeJpegExtended12(codestream, header);
  }
  if (frame.precision !== 8) {
    throw new PipelineError('pixel-data-corrupt', 'The JPEG image has neither 8 nor 12 bits.');
  }
  requireDeclaredDimensions(frame, header);
  requireEndOfImage(codestream);
  return codec.withDecoder(codestream, (decoder) => {
    decoder.decode();
    const { width, height, componentCount } = decoder.getFrameInfo();
    return {
      width,
      height,
      components: componentCount,
      data: copyBytes(decoder.getDecodedBuffer()),
      planar: false,
      // libjpeg undoes YCbCr by JFIF and Adobe markers and component ids.
      colourSpace: 'RGB',
      reduction: 0,
      phase: 0,
    };
  });
};
