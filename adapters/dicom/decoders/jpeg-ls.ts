import type { PixelHeader } from '../../../core/dicom/instance-header.js';
import { PipelineError } from '../../../core/errors.js';
import type { ImageRows } from '../../../core/imaging/image-rows.js';
import { sampleFormat } from '../../../core/imaging/image-rows.js';
import { withKernel } from '../../../core/kernel/kernel.js';
import { requireDeclaredDimensions } from './check-dimensions.js';
import { codestreamOf } from './codestream.js';
import type { DecodedSamples, FrameDecoder, RowDecoder } from './frame-decoder.js';
import { beginJpegLsScan, readJpegLsScan } from './jpeg-ls-scan.js';
import type { JpegLsScan } from './jpeg-ls-scan.js';
import { readFrameHeader, readJpegSegments, requireEndOfImage } from './jpeg-markers.js';
import { lendSamples } from './sample-memory.js';
import { sequentialRows } from './sequential-rows.js';
import { createWasmCodec } from './wasm-codec.js';
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
 * JPEG-LS lossless and near-lossless (1.2.840.10008.1.2.4.80, .81). Lossless grey images by our own decoder, which
 * is faster, all others by CharLS. The end of the image is looked for first: CharLS spends seconds on a stream that
 * is cut off. Source: PS3.5 8.2.3, T.87.
 */
export const decodeJpegLs: FrameDecoder = async (codestream, header) => {
  const scan = readStructure(codestream, header);
  return scan === undefined ? decodeByCharLs(codestream) : decodeWhole(scan);
};

/** The same of one component, row by row, without the image in memory. */
export const openJpegLs: RowDecoder = (codestream, header): ImageRows | undefined => {
  const scan = readStructure(codestream, header);
  return (
    scan && {
      ...{ width: scan.width, height: scan.height, header, fromColour: false, reduction: 0 },
      format: { ...sampleFormat(header), bytes: 2 },
      begin(kernel) {
        const { rows, end } = beginJpegLsScan(kernel, scan);
        const shape = { height: scan.height, rowBytes: 2 * scan.width };
        return sequentialRows(kernel, shape, rows, end);
      },
    }
  );
};

/** The scan, where it is one for our own decoder. */
function readStructure(codestream: Uint8Array, header: PixelHeader): JpegLsScan | undefined {
  const segments = readJpegSegments(codestream);
  const frame = readFrameHeader(codestream, segments);
  if (frame.marker !== JPEG_LS_FRAME || frame.precision > header.BitsAllocated) {
    throw new PipelineError('pixel-data-corrupt', 'The compressed image is not JPEG-LS.');
  }
  requireDeclaredDimensions(frame, header);
  requireEndOfImage(codestream);
  return readJpegLsScan(codestream, segments, frame);
}

function decodeWhole(scan: JpegLsScan): DecodedSamples {
  const { width, height, bits } = scan;
  const samples = withKernel((kernel) => {
    const reader = beginJpegLsScan(kernel, scan);
    const image = kernel.allocate(2 * width * height);
    reader.rows(image, height);
    reader.end();
    return kernel.uint16(image, width * height).slice();
  });
  return {
    ...{ width, height, components: 1 },
    data: bits <= 8 ? Uint8Array.from(samples) : samples,
    planar: false,
    colourSpace: 'header',
    usedBits: bits,
    reduction: 0,
  };
}

function decodeByCharLs(codestream: Uint8Array): Promise<DecodedSamples> {
  return codec.withDecoder(
    codestreamOf(codestream),
    () => undefined,
    (decoder) => {
      decoder.decode();
      const { width, height, componentCount, bitsPerSample } = decoder.getFrameInfo();
      return {
        width,
        height,
        components: componentCount,
        ...lendSamples(decoder.getDecodedBuffer(), bitsPerSample),
        planar: componentCount > 1 && decoder.getInterleaveMode() === INTERLEAVE_NONE,
        colourSpace: 'header',
        usedBits: bitsPerSample,
        reduction: 0,
      };
    },
  );
}
