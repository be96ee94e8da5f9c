import { PipelineError } from '../../../core/errors.js';
import { requireDeclaredDimensions } from './check-dimensions.js';
import { codestreamOf } from './codestream.js';
import type { PixelHeader } from '../../../core/dicom/instance-header.js';
import type { FrameDecoder } from './frame-decoder.js';
import { decodeJpegExtended12 } from './jpeg-extended12.js';
import { readFrameHeader, readJpegSegments, requireEndOfImage } from './jpeg-markers.js';
import type { JpegSegment } from './jpeg-markers.js';
import { lendSamples } from './sample-memory.js';
import { createWasmCodec } from './wasm-codec.js';

const codec = createWasmCodec(
  '@cornerstonejs/codec-libjpeg-turbo-8bit/decodewasmjs',
  'JPEGDecoder',
);

const APP0_JFIF = 0xe0;
const APP14_ADOBE = 0xee;

/** SOI, then an Adobe marker that says: three components without a colour transform. T.872 6.5.3. */
const SOI_WITHOUT_TRANSFORM = Buffer.from('ffd8ffee000e41646f626500640000000000', 'hex');

/**
 * JPEG baseline and extended sequential (1.2.840.10008.1.2.4.50, .51): 8 bits by libjpeg-turbo, which
 * throws on streams that are cut off or damaged; 12 bits by our own decoder. Source: PS3.5 8.2.1, T.81.
 */
export const decodeJpegBaseline: FrameDecoder = async (codestream, header) => {
  const segments = readJpegSegments(codestream);
  const frame = readFrameHeader(codestream, segments);
  if (frame.precision === 12) {
    return decodeJpegExtended12(codestream, header);
  }
  if (frame.precision !== 8) {
    throw new PipelineError('pixel-data-corrupt', 'The JPEG image has neither 8 nor 12 bits.');
  }
  requireDeclaredDimensions(frame, header);
  requireEndOfImage(codestream);
  const stream = codestreamOf(withColourMarker(codestream, segments, header));
  return codec.withDecoder(
    stream,
    () => undefined,
    (decoder) => {
      decoder.decode();
      const { width, height, componentCount } = decoder.getFrameInfo();
      return {
        width,
        height,
        components: componentCount,
        ...lendSamples(decoder.getDecodedBuffer(), 8),
        planar: false,
        // libjpeg undoes YCbCr by JFIF and Adobe markers and component ids.
        colourSpace: 'RGB',
        reduction: 0,
      };
    },
  );
};

/**
 * A stream that does not say what its colours are is taken for YCbCr by libjpeg; the header decides then.
 * Streams that do say it are believed: many headers call YCbCr streams RGB.
 */
function withColourMarker(
  codestream: Uint8Array,
  segments: readonly JpegSegment[],
  header: PixelHeader,
): Uint8Array {
  const silent = !segments.some(({ marker }) => marker === APP0_JFIF || marker === APP14_ADOBE);
  return silent && header.PhotometricInterpretation === 'RGB'
    ? Buffer.concat([SOI_WITHOUT_TRANSFORM, codestream.subarray(2)])
    : codestream;
}
