import { existsSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import sharp from 'sharp';

import { packageRoot } from '../../adapters/process/package-info.js';
import { encodeJpegBaseline } from '../phantom/jpeg-baseline.js';
import { wrapGreyImage, type GreyImage } from '../phantom/phantom-dicom.js';
import { createRandom } from '../phantom/random.js';
import { thoraxPhantom } from '../phantom/thorax-phantom.js';

/** Files of one kind. Few enough to stay in the page cache: the disk is not what is measured. */
export interface BenchInput {
  readonly name: string;
  readonly paths: readonly string[];
}

const FILES_PER_KIND = 6;
const HEADER = { BodyPartExamined: 'CHEST', ViewPosition: 'PA', PatientAge: '050Y' } as const;

/** Writes the generated kinds below `folder` and adds the real images, where there are any. */
export async function makeInputs(folder: string): Promise<BenchInput[]> {
  const inputs: BenchInput[] = [];
  for (const { Rows, Columns } of [
    { Rows: 3000, Columns: 2500 },
    { Rows: 1024, Columns: 1024 },
  ]) {
    const size = `${Columns}x${Rows}`;
    const image = thoraxPhantom(createRandom('bench'), { Rows, Columns });
    inputs.push(
      await writeKind(folder, `raw 12-bit DICOM ${size}`, 'dcm', image, (one) =>
        wrapGreyImage(one, HEADER),
      ),
      await writeKind(folder, `JPEG baseline DICOM ${size}`, 'dcm', image, async (one) =>
        wrapGreyImage(await encodeJpegBaseline(one), HEADER),
      ),
    );
    if (Rows === 1024) {
      inputs.push(await writeKind(folder, `PNG 8-bit ${size}`, 'png', image, encodePng));
    }
  }
  return [...inputs, ...(await realInputs())];
}

type Encode = (image: GreyImage) => Buffer | Promise<Buffer>;

/** Copies that differ by a constant, so that no two files are the same. */
async function writeKind(
  folder: string,
  name: string,
  extension: string,
  image: GreyImage,
  encode: Encode,
): Promise<BenchInput> {
  const parent = join(folder, name.replaceAll(' ', '-'));
  await mkdir(parent);
  const paths: string[] = [];
  for (let index = 0; index < FILES_PER_KIND; index += 1) {
    const pixels = Uint16Array.from(image.pixels, (value) => Math.min(4095, value + 16 * index));
    const path = join(parent, `${index}.${extension}`);
    await writeFile(path, await encode({ ...image, pixels }));
    paths.push(path);
  }
  return { name, paths };
}

function encodePng({ pixels, Rows, Columns }: GreyImage): Promise<Buffer> {
  const bytes = Uint8Array.from(pixels, (value) => value >> 4);
  return sharp(bytes, { raw: { width: Columns, height: Rows, channels: 1 } })
    .toColourspace('b-w')
    .png()
    .toBuffer();
}

async function realInputs(): Promise<BenchInput[]> {
  const data = join(packageRoot, '../shared/data');
  const kinds = [
    { name: 'real chest DICOM (mixed)', folder: join(data, 'dicom/chest'), count: 7 },
    { name: 'real chest JPEG 512 (NIH)', folder: join(data, 'nih-cxr14-subset/images'), count: 32 },
  ];
  const inputs: BenchInput[] = [];
  for (const { name, folder, count } of kinds) {
    if (existsSync(folder)) {
      const files = (await readdir(folder)).sort().slice(0, count);
      inputs.push({ name, paths: files.map((file) => join(folder, file)) });
    }
  }
  return inputs;
}
