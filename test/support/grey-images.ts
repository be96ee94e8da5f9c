import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { wrapGreyImage } from '../../scripts/phantom/phantom-dicom.js';

export interface GreyImageOptions {
  readonly size?: number;
  readonly prefix?: string;
  /** Default: 40, little, but no blank image. Below 0 the lungs are bright. Unit: stored values. */
  readonly contrast?: number;
}

/**
 * Small pictures of two lungs that each have one mean grey value, so that each has its own scores and a mix-up
 * shows. Returns their paths in the order of the grey values.
 */
export async function writeGreyImages(
  folder: string,
  count: number,
  { size = 512, prefix = 'image', contrast = 40 }: GreyImageOptions = {},
): Promise<string[]> {
  const paths: string[] = [];
  for (let index = 0; index < count; index += 1) {
    const margin = Math.abs(contrast);
    const grey = margin + Math.round(((index + 0.5) / count) * (4095 - 2 * margin));
    const pixels = new Uint16Array(size * size);
    for (let at = 0; at < pixels.length; at += 1) {
      const inLung = isLung((at % size) / size, Math.floor(at / size) / size);
      pixels[at] = grey + (inLung ? -contrast : contrast);
    }
    const bytes = wrapGreyImage(
      { Rows: size, Columns: size, BitsStored: 12, pixels },
      { BodyPartExamined: 'CHEST', ViewPosition: 'PA', PatientAge: '050Y' },
    );
    const path = join(folder, `${prefix}-${String(index).padStart(4, '0')}.dcm`);
    await writeFile(path, bytes);
    paths.push(path);
  }
  return paths;
}

/** Two upright ellipses, in shares of the width and height. */
function isLung(x: number, y: number): boolean {
  return ((Math.abs(x - 0.5) - 0.2) / 0.13) ** 2 + ((y - 0.45) / 0.3) ** 2 < 1;
}
