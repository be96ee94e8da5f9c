import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import sharp, { type Sharp } from 'sharp';

/** The forms of PNG and JPEG that radiographs come in, of which archives have few. */
const VARIANTS: Readonly<Record<string, (image: Sharp) => Sharp>> = {
  'grey-8.png': (image) => image.toColourspace('b-w').png(),
  'grey-16.png': (image) => image.toColourspace('grey16').png(),
  'interlaced.png': (image) => image.toColourspace('b-w').png({ progressive: true }),
  'palette.png': (image) => image.png({ palette: true }),
  'alpha.png': (image) => image.ensureAlpha().png(),
  'rgb-16.png': (image) => image.toColourspace('rgb16').png(),
  'progressive.jpg': (image) => image.jpeg({ progressive: true }),
  'colour-444.jpg': (image) => image.toColourspace('srgb').jpeg({ chromaSubsampling: '4:4:4' }),
  'exif.jpg': (image) => image.withMetadata({ orientation: 6 }).jpeg(),
};

/** Writes one picture in every form; returns the paths. */
export async function writePictureVariants(path: string, folder: string): Promise<string[]> {
  await mkdir(folder, { recursive: true });
  const written: string[] = [];
  for (const [name, encode] of Object.entries(VARIANTS)) {
    const to = join(folder, name);
    await encode(sharp(path).resize(128, 128)).toFile(to);
    written.push(to);
  }
  return written;
}
