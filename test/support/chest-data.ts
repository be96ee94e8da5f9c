import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

import sharp from 'sharp';
import { describe } from 'vitest';

import { readIdentity } from '../../adapters/dicom/read-dicom.js';
import { packageRoot } from '../../adapters/process/package-info.js';
import { JPEG_BASELINE_8BIT, wrapGreyImage } from '../../scripts/phantom/phantom-dicom.js';

/** Real images stand beside the project and are not part of it. */
const DATA = resolve(packageRoot, '..', 'shared', 'data');

/** A suite on real images; skipped under a title that says so where they are absent. */
export function describeWithData(title: string, suite: () => void): void {
  if (existsSync(DATA)) {
    describe(title, suite);
  } else {
    describe.skip(`${title} [skipped: no test data in ${DATA}]`, suite);
  }
}

export interface NamedFile {
  readonly name: string;
  readonly bytes: Buffer;
}

/** The real chest radiographs in DICOM. */
export function chestDicomFiles(): NamedFile[] {
  const folder = join(DATA, 'dicom', 'chest');
  return readdirSync(folder)
    .sort()
    .map((name) => ({ name, bytes: readFileSync(join(folder, name)) }));
}

/** The first images of the NIH subset, each passed through as the JPEG that it is, in a CR object of its own study. */
export async function wrappedNihImages(count: number): Promise<NamedFile[]> {
  const folder = join(DATA, 'nih-cxr14-subset', 'images');
  const names = readdirSync(folder).sort().slice(0, count);
  return Promise.all(
    names.map(async (name) => {
      const jpeg = readFileSync(join(folder, name));
      const { width, height } = await sharp(jpeg).metadata();
      const image = { Rows: height, Columns: width, BitsStored: 8, frames: [jpeg] };
      const bytes = wrapGreyImage(
        { ...image, TransferSyntaxUID: JPEG_BASELINE_8BIT },
        { ViewPosition: 'PA', PatientAge: '050Y' },
      );
      return { name: name.replace(/\.\w+$/, '.dcm'), bytes };
    }),
  );
}

/** Some of the real files carry the UID of another one and other bytes: a pipeline refuses the second. */
export function withoutSharedUids(files: readonly NamedFile[]): NamedFile[][] {
  const batches: Map<string, NamedFile>[] = [];
  for (const file of files) {
    const uid = sopInstanceUid(file.bytes);
    const batch = batches.find((known) => !known.has(uid));
    if (batch) {
      batch.set(uid, file);
    } else {
      batches.push(new Map([[uid, file]]));
    }
  }
  return batches.map((batch) => [...batch.values()]);
}

function sopInstanceUid(bytes: Buffer): string {
  const read = readIdentity(bytes, true);
  if (read.kind !== 'identified') {
    throw new Error('the whole file is there');
  }
  return read.identity.SOPInstanceUID;
}
