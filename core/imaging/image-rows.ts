import type { PixelHeader } from '../dicom/instance-header.js';
import type { Address, Kernel } from '../kernel/kernel.js';
import type { DecodedImage } from './decoded-image.js';
import type { Wavelet } from './wavelet.js';

/** Where the stored bits of a sample stand. Samples are little endian. */
export interface SampleFormat {
  readonly bytes: 1 | 2;
  /** Bits of 16 above the highest stored one, and those left below the lowest when it is shifted out. */
  readonly shiftUp: number;
  readonly shiftDown: number;
  readonly signed: boolean;
}

/**
 * An image that is read from top to bottom, a few rows at a time, so that it never has to be in memory as a
 * whole. Stored values as `DecodedImage` has them, once `format` is applied.
 */
export interface ImageRows {
  readonly width: number;
  readonly height: number;
  readonly header: PixelHeader;
  readonly fromColour: boolean;
  /** Number of halvings, and what did them. */
  readonly reduction: number;
  readonly wavelet?: Wavelet | undefined;
  readonly format: SampleFormat;
  /** Whether it is resampled as exactly as the kernel can, in twice the time. */
  readonly exact?: boolean;
  /** Begins a pass; there may be several, one after the other. What it allocates lives as long as the kernel. */
  begin(kernel: Kernel): RowReader;
  /** After the last pass: lends its memory to the next image. */
  readonly release?: (() => void) | undefined;
}

export interface RowReader {
  /** Puts rows at an address of the kernel's memory. Rows may be skipped, but never come again. */
  read(to: Address, firstRow: number, count: number): void;
  /** After the last row that is wanted. Throws when what was not read is damaged, as far as it tells. */
  end(): void;
}

/** The stored bits of samples as the header describes them. Source: PS3.5 8.1.1. */
export function sampleFormat(header: PixelHeader): SampleFormat {
  return {
    bytes: header.BitsAllocated <= 8 ? 1 : 2,
    shiftUp: 15 - header.HighBit,
    shiftDown: 16 - header.BitsStored,
    signed: header.PixelRepresentation === 1,
  };
}

/** The rows of an image that is in memory. */
export function rowsOf(image: DecodedImage): ImageRows {
  const { pixels, width, height, header, fromColour, reduction, wavelet, release } = image;
  const sampleBytes = pixels.BYTES_PER_ELEMENT === 1 ? 1 : 2;
  const bytes = new Uint8Array(pixels.buffer, pixels.byteOffset, pixels.byteLength);
  const unused = 16 - 8 * sampleBytes;
  return {
    width,
    height,
    header,
    fromColour,
    reduction,
    wavelet,
    release,
    format: {
      bytes: sampleBytes,
      shiftUp: unused,
      shiftDown: unused,
      signed: pixels instanceof Int8Array || pixels instanceof Int16Array,
    },
    begin: (kernel) => ({
      read(to, firstRow, count) {
        const rowBytes = width * sampleBytes;
        kernel
          .bytes(to, count * rowBytes)
          .set(bytes.subarray(firstRow * rowBytes, (firstRow + count) * rowBytes));
      },
      end() {},
    }),
  };
}
