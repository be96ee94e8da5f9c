import type { PixelHeader } from '../../../core/dicom/instance-header.js';
import type { Wavelet } from '../../../core/imaging/wavelet.js';
import type { ImageRows } from '../../../core/imaging/image-rows.js';

export interface DecodeOptions {
  /** An image of more pixels is refused before anything is allocated for it. */
  readonly maxPixels: number;
  /**
   * The shorter side, in pixels, that the caller can still use. A decoder may return a reduced resolution
   * that keeps at least so many; without it, or where the syntax cannot, it returns all of them.
   */
  readonly targetSize?: number;
}

/** Samples as a codec gives them, before masking, sign extension and colour. */
export interface DecodedSamples {
  readonly width: number;
  readonly height: number;
  readonly components: number;
  /** Shape: [height, width, components], or [components, height, width] when `planar`. */
  readonly data: Uint8Array | Int8Array | Uint16Array | Int16Array;
  readonly planar: boolean;
  /** Colour spaces that a codec undoes itself come out as RGB; otherwise the header says what it is. */
  readonly colourSpace: 'header' | 'RGB';
  /** The codec guarantees that no sample has a bit above these; the header's depth where absent. */
  readonly usedBits?: number;
  /** Number of halvings, and the wavelet that did them. */
  readonly reduction: number;
  readonly wavelet?: Wavelet;
  /** Lends the memory of `data` to the next image. */
  readonly release?: () => void;
}

/**
 * Decodes one frame's codestream, where `Source` says that it may be. Throws `pixel-data-corrupt` for anything
 * incomplete or damaged, `image-too-large`, `pixel-format-unsupported`; never returns guessed pixels.
 */
export type FrameDecoder<Source = Uint8Array> = (
  codestream: Source,
  header: PixelHeader,
  options: DecodeOptions,
) => DecodedSamples | Promise<DecodedSamples>;

/**
 * Opens one frame of one component for reading row by row. Throws as a `FrameDecoder`; damage that only decoding
 * shows is thrown while rows are read, or at their end. Undefined for a stream that only the `FrameDecoder` decodes.
 */
export type RowDecoder<Source = Uint8Array> = (
  codestream: Source,
  header: PixelHeader,
) => ImageRows | undefined;
