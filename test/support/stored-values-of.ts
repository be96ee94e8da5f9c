import type { ImageRows } from '../../core/imaging/image-rows.js';
import { withKernel } from '../../core/kernel/kernel.js';

/** All stored values of an image, read a few rows at a time and some of them skipped, as a resampler does. */
export function storedValuesOf(rows: ImageRows): number[] {
  const { width, height, format, header } = rows;
  const values: number[] = [];
  withKernel((kernel) => {
    const strip = kernel.allocate(2 * 7 * width);
    for (let from = 0; from < height; from += 7) {
      // A pass of its own for each strip: the rows before it are skipped, those behind it only checked.
      const reader = rows.begin(kernel);
      const count = Math.min(7, height - from);
      reader.read(strip, from, count);
      const samples =
        format.bytes === 1
          ? kernel.bytes(strip, count * width)
          : kernel.uint16(strip, count * width);
      for (const sample of samples) {
        const up = (sample << format.shiftUp) & 0xffff;
        values.push(
          header.PixelRepresentation === 1
            ? ((up << 16) >> 16) >> format.shiftDown
            : up >> format.shiftDown,
        );
      }
      reader.end();
    }
  });
  return values;
}
