import type { PixelHeader } from '../../../core/dicom/instance-header.js';

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
  /** Number of halvings. */
  readonly reduction: number;
  /** Position of pixel 0 of a reduced grid, in pixels of the full grid. */
  readonly phase: number;
}

/**
 * Decodes one frame's codestream (its fragments joined). Throws `pixel-data-corrupt` for anything
 * incomplete or damaged, `image-too-large`, `pixel-format-unsupported`; never returns guessed pixels.
 */
export type FrameDecoder = (
  codestream: Uint8Array,
  header: PixelHeader,
  options: DecodeOptions,
) => DecodedSamples | Promise<DecodedSamples>;
