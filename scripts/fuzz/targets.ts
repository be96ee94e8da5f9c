import { unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { decodeFrame } from '../../adapters/dicom/decode-frame.js';
import { openImageFile } from '../../adapters/dicom/image-file.js';
import { readDicom, readIdentity } from '../../adapters/dicom/read-dicom.js';
import { readImageFile } from '../../adapters/dicom/read-image-file.js';
import { locateRows, readToPixelData } from '../../adapters/dicom/read-rows.js';
import { PipelineError } from '../../core/errors.js';
import { rowsOf, type ImageRows } from '../../core/imaging/image-rows.js';
import { getRecipe } from '../../core/inference/recipes/recipe.js';
import { readMultipart } from '../../services/ingest-http/http/multipart.js';
import { mutate, type Random } from './mutate.js';

/** Above every image of the corpus, and small enough that a lying header shows as memory. */
const MAX_PIXELS = 8e6;
const MAX_INFLATED_BYTES = 64 * 1024 * 1024;
const RECIPES = ['cxr-square@1', 'txrv-224@1', 'txrv-224-voi@1'];
const BOUNDARY = 'b0undary';
/** Of each object in a multipart body: the reader cares for lines, not for pixels. */
const MAX_PART_BYTES = 32 * 1024;

export const TARGETS = ['dicom', 'file', 'multipart', 'picture'] as const;
export type Target = (typeof TARGETS)[number];

/** Paths of the files that cases are made of. */
export interface Corpus {
  readonly dicom: readonly string[];
  readonly pictures: readonly string[];
}

/** What one case does with its bytes: resolves to `decoded` or an error's code; throws what is a finding. */
export const RUN: Readonly<Record<Target, (bytes: Buffer, random: Random) => Promise<string>>> = {
  dicom: (bytes, random) => named(() => throughDicom(bytes, random)),
  file: (bytes, random) => named(() => throughFile(bytes, random)),
  multipart: throughMultipart,
  picture: (bytes, random) =>
    named(async () => throughRecipe(rowsOf(await readImageFile(bytes, MAX_PIXELS)), 224, random)),
};

/** Seven of ten cases are objects, in memory or as files; the rest are request bodies and pictures. */
export function targetOf(random: Random): Target {
  const at = random();
  return at < 0.35 ? 'dicom' : at < 0.7 ? 'file' : at < 0.85 ? 'multipart' : 'picture';
}

/** The bytes of a case before and after its mutations, from files that `load` reads. */
export function bytesOf(
  target: Target,
  corpus: Corpus,
  random: Random,
  load: (path: string) => Buffer,
): Buffer {
  const from = target === 'picture' ? corpus.pictures : corpus.dicom;
  const pick = () => load(from[Math.floor(random() * from.length)] ?? '');
  if (target === 'multipart') {
    const parts = Array.from({ length: 1 + Math.floor(random() * 4) }, () =>
      pick().subarray(0, MAX_PART_BYTES),
    );
    return mutate(multipartBody(parts), multipartBody(parts.slice(0, 1)), random);
  }
  const file = pick();
  return mutate(file, pick(), random);
}

async function throughDicom(bytes: Buffer, random: Random): Promise<string> {
  await named(() => {
    readIdentity(bytes.subarray(0, 4096), false, { maxInflatedBytes: MAX_INFLATED_BYTES });
    return Promise.resolve('read');
  });
  const object = readDicom(bytes, { bare: true, maxInflatedBytes: MAX_INFLATED_BYTES });
  const TransferSyntaxUID = object.header.TransferSyntaxUID;
  const image = await decodeFrame({ ...object, TransferSyntaxUID }, 0, { maxPixels: MAX_PIXELS });
  if (image.pixels.length !== object.pixels.Rows * object.pixels.Columns) {
    throw new Error('an image of the wrong size came out');
  }
  return throughRecipe(rowsOf(image), 224, random);
}

/** The way of the pipeline: rows from a file, at a reduced resolution where the codec has one. */
async function throughFile(bytes: Buffer, random: Random): Promise<string> {
  const path = join(tmpdir(), `preread-fuzz-${process.pid}.dcm`);
  writeFileSync(path, bytes);
  const file = openImageFile(path, Infinity);
  try {
    const { open } = locateRows(file, readToPixelData(file, MAX_INFLATED_BYTES));
    const size = 16 + Math.floor(random() * 208);
    const reduced = random() < 0.8;
    const rows = await open({ maxPixels: MAX_PIXELS, ...(reduced && { targetSize: size }) });
    return throughRecipe(rows, size, random);
  } finally {
    file.close();
    unlinkSync(path);
  }
}

/** The greyscale chain and the resampler: whatever the header says, the network's input is finite. */
function throughRecipe(image: ImageRows, size: number, random: Random): string {
  const name = RECIPES[Math.floor(random() * RECIPES.length)] ?? 'cxr-square@1';
  const plane = getRecipe(name)(image, size);
  if (plane.length !== size * size || !plane.every(Number.isFinite)) {
    throw new Error(`${name} gave an input that is not finite`);
  }
  return 'decoded';
}

/** The body in chunks of random sizes, as a socket gives it. Nothing may come out that did not go in. */
async function throughMultipart(body: Buffer, random: Random): Promise<string> {
  let outBytes = 0;
  const outcome = await named(async () => {
    for await (const part of readMultipart(chunks(body, random), BOUNDARY)) {
      const read: Uint8Array[] = [];
      // A consumer that has seen enough of a part leaves the rest unread.
      const enough = random() < 0.2 ? random() * MAX_PART_BYTES : Infinity;
      for await (const chunk of part.body) {
        outBytes += chunk.length;
        read.push(chunk);
        if (outBytes > enough) {
          break;
        }
      }
      await named(() => {
        readIdentity(Buffer.concat(read), true, { maxInflatedBytes: MAX_INFLATED_BYTES });
        return Promise.resolve('read');
      });
    }
    return 'parted';
  });
  if (outBytes > body.length) {
    throw new Error('more bytes came out of a body than went in');
  }
  return outcome;
}

/** The code of one of our errors; any other exception is a finding. */
async function named(run: () => Promise<string> | string): Promise<string> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof PipelineError) || error.code === 'internal') {
      throw error;
    }
    return error.code;
  }
}

function multipartBody(parts: readonly Buffer[]): Buffer {
  const head = `--${BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n`;
  return Buffer.concat([
    ...parts.flatMap((part) => [Buffer.from(head), part, Buffer.from('\r\n')]),
    Buffer.from(`--${BOUNDARY}--\r\n`),
  ]);
}

// eslint-disable-next-line @typescript-eslint/require-await -- a stream, though nothing is waited for
async function* chunks(body: Buffer, random: Random): AsyncGenerator<Uint8Array> {
  const largest = random() < 0.3 ? 16 : 16_384;
  for (let at = 0; at < body.length;) {
    const length = 1 + Math.floor(random() * largest);
    yield body.subarray(at, at + length);
    at += length;
  }
}
