import type { PixelHeader } from '../../core/dicom/instance-header.js';
import type { DecodedImage } from '../../core/imaging/decoded-image.js';
import { pixelHeader } from './pixel-header.js';

/** An image of the given rows; the header's size follows them. */
export function decodedImage(
  rows: readonly (readonly number[])[],
  header: PixelHeader = pixelHeader(),
): DecodedImage {
  const height = rows.length;
  const width = rows[0]?.length ?? 0;
  const stored = rows.flat();
  return {
    width,
    height,
    pixels: header.PixelRepresentation === 1 ? Int16Array.from(stored) : Uint16Array.from(stored),
    header: { ...header, Rows: height, Columns: width },
    fromColour: false,
    reduction: 0,
  };
}

/** floor + (a x + b y + c x y) mod modulus, the images of the golden vectors. */
export function generatedImage(
  height: number,
  width: number,
  generator: {
    readonly a: number;
    readonly b: number;
    readonly c: number;
    readonly modulus: number;
  },
  header: PixelHeader = pixelHeader(),
  floor = 0,
): DecodedImage {
  const { a, b, c, modulus } = generator;
  const rows = Array.from({ length: height }, (_, y) =>
    Array.from({ length: width }, (__, x) => floor + ((a * x + b * y + c * x * y) % modulus)),
  );
  return decodedImage(rows, header);
}
