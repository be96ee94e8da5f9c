import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import sharp from 'sharp';

import { encodeJpegBaseline } from '../../scripts/phantom/jpeg-baseline.js';
import { wrapGreyImage, type GreyImage } from '../../scripts/phantom/phantom-dicom.js';
import { createRandom } from '../../scripts/phantom/random.js';
import { thoraxPhantom } from '../../scripts/phantom/thorax-phantom.js';
import { ENCODERS, rawEncoder, type BenchEncoder } from './bench-encoders.js';
import { ORIGINAL_UIDS } from './study-copies.js';

/** Files of one kind. Few enough to stay in the page cache: the disk is not what is measured. */
export interface BenchInput {
  readonly name: string;
  readonly paths: readonly string[];
}

export interface BenchInputs {
  readonly inputs: readonly BenchInput[];
  /** Kinds that could not be made, with the reason. */
  readonly skipped: readonly string[];
}

const FILES_PER_KIND = 3;
const HEADER = { BodyPartExamined: 'CHEST', ViewPosition: 'PA', PatientAge: '050Y' } as const;

const jpegEncoder: BenchEncoder = {
  name: 'JPEG baseline',
  encode: async (image) => wrapGreyImage(await encodeJpegBaseline(image), HEADER),
};
const pngEncoder: BenchEncoder = { name: 'PNG 8-bit', encode: encodePng };

interface Kind {
  readonly encoder: BenchEncoder;
  readonly size: { readonly Rows: number; readonly Columns: number };
}

/** Rows and columns of a detector of 35 by 43 cm with 143 micrometres a pixel. */
const FULL = { Rows: 3000, Columns: 2500 };
const SMALL = { Rows: 1024, Columns: 1024 };

/** The same picture in every syntax, at the size of a detector. */
export const SYNTAXES: readonly Kind[] = [rawEncoder, ...ENCODERS, jpegEncoder, pngEncoder].map(
  (encoder) => ({ encoder, size: FULL }),
);

/** Raw pictures from small to large, and small ones of the kinds that researchers have. */
export const SIZES: readonly Kind[] = [
  { encoder: rawEncoder, size: { Rows: 512, Columns: 512 } },
  { encoder: rawEncoder, size: SMALL },
  { encoder: pngEncoder, size: SMALL },
  { encoder: jpegEncoder, size: SMALL },
  { encoder: rawEncoder, size: FULL },
  { encoder: rawEncoder, size: { Rows: 4280, Columns: 3520 } },
];

/** Uncompressed, as large as a detector makes it. */
export const SIZE_OF_DETECTOR: Kind = { encoder: rawEncoder, size: FULL };

/** The kind that grows with processes and goes through the whole pipeline. */
export const TYPICAL: Kind = { encoder: rawEncoder, size: SMALL };

export const kindName = ({ encoder, size }: Kind): string =>
  `${encoder.name} ${size.Columns}x${size.Rows}`;

/** Writes the files below `folder`. */
export async function makeInputs(kinds: readonly Kind[], folder: string): Promise<BenchInputs> {
  const inputs: BenchInput[] = [];
  const skipped: string[] = [];
  for (const kind of kinds) {
    const name = kindName(kind);
    const parent = join(folder, name.replaceAll(' ', '-'));
    await mkdir(parent, { recursive: true });
    try {
      inputs.push({ name, paths: await writeFiles(kind, parent) });
    } catch (error) {
      if (kind.encoder.needs === undefined) {
        throw error;
      }
      skipped.push(`${name} is skipped: install ${kind.encoder.needs} to encode it.`);
    }
  }
  return { inputs, skipped };
}

/** The typical picture as a file of which `studyCopier` makes studies. Returns its path. */
export async function writeStudyFile(folder: string): Promise<string> {
  const path = join(folder, 'study.dcm');
  const image = phantom(TYPICAL.size.Rows, TYPICAL.size.Columns);
  await writeFile(path, wrapGreyImage(image, { ...HEADER, ...ORIGINAL_UIDS }));
  return path;
}

/** Copies that differ by a constant, so that no two files are the same. */
async function writeFiles({ encoder, size }: Kind, folder: string): Promise<string[]> {
  const image = phantom(size.Rows, size.Columns);
  const paths: string[] = [];
  for (let index = 0; index < FILES_PER_KIND; index += 1) {
    const pixels = Uint16Array.from(image.pixels, (value) => Math.min(4095, value + 16 * index));
    const path = join(folder, `${index}.${encoder === pngEncoder ? 'png' : 'dcm'}`);
    await writeFile(path, await encoder.encode({ ...image, pixels }, folder));
    paths.push(path);
  }
  return paths;
}

const phantoms = new Map<string, GreyImage>();

function phantom(Rows: number, Columns: number): GreyImage {
  const key = `${Rows}x${Columns}`;
  const image = phantoms.get(key) ?? thoraxPhantom(createRandom('bench'), { Rows, Columns });
  phantoms.set(key, image);
  return image;
}

function encodePng({ pixels, Rows, Columns }: GreyImage): Promise<Buffer> {
  const bytes = Uint8Array.from(pixels, (value) => value >> 4);
  return sharp(bytes, { raw: { width: Columns, height: Rows, channels: 1 } })
    .toColourspace('b-w')
    .png()
    .toBuffer();
}
