import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { wrapGreyImage } from '../../scripts/phantom/phantom-dicom.js';

export interface GreyImageOptions {
  readonly size?: number;
  readonly prefix?: string;
}

/**
 * Small chest radiographs that each have one grey value, so that each has its own scores and a mix-up
 * shows. Returns their paths in the order of the grey values.
 */
export async function writeGreyImages(
  folder: string,
  count: number,
  { size = 512, prefix = 'image' }: GreyImageOptions = {},
): Promise<string[]> {
  const paths: string[] = [];
  for (let index = 0; index < count; index += 1) {
    const pixels = new Uint16Array(size * size).fill(Math.round(((index + 0.5) / count) * 4095));
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
