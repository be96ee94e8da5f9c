import { execFile } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import type { TransferSyntaxUid } from '../../core/dicom/transfer-syntaxes.js';
import { wrapGreyImage, type GreyImage } from '../../scripts/phantom/phantom-dicom.js';
import { encodeHtj2k } from './encode-htj2k.js';

const run = promisify(execFile);
const HEADER = { BodyPartExamined: 'CHEST', ViewPosition: 'PA', PatientAge: '050Y' } as const;

export interface BenchEncoder {
  readonly name: string;
  /** The package whose program it runs; without it the row is left out, and said to be. */
  readonly needs?: string;
  encode(image: GreyImage, folder: string): Promise<Buffer>;
}

export const rawEncoder: BenchEncoder = {
  name: 'raw 12-bit',
  encode: (image) => Promise.resolve(wrapGreyImage(image, HEADER)),
};

/** The transfer syntaxes of radiography that are not raw. */
export const ENCODERS: readonly BenchEncoder[] = [
  program('RLE', 'dcmtk', 'dcmcrle', []),
  program('JPEG lossless SV1', 'dcmtk', 'dcmcjpeg', ['+e1']),
  program('JPEG-LS', 'dcmtk', 'dcmcjpls', ['+el']),
  program('JPEG 2000 lossless', 'libgdcm-tools', 'gdcmconv', ['--j2k']),
  { name: 'HTJ2K lossless', encode: toHtj2k },
];

/** Encoders of others, so that what is decoded is not only what we would write ourselves. */
function program(
  name: string,
  needs: string,
  command: string,
  options: readonly string[],
): BenchEncoder {
  return {
    name,
    needs,
    async encode(image, folder) {
      const source = join(folder, 'source.dcm');
      const output = join(folder, 'encoded.dcm');
      await writeFile(source, wrapGreyImage(image, HEADER));
      try {
        await run(command, [...options, source, output], { timeout: 60_000 });
        return await readFile(output);
      } finally {
        await rm(source, { force: true });
        await rm(output, { force: true });
      }
    },
  };
}

async function toHtj2k(image: GreyImage): Promise<Buffer> {
  const { Rows, Columns, BitsStored } = image;
  const frames = [await encodeHtj2k(image, true)];
  return wrapGreyImage(
    { Rows, Columns, BitsStored, frames, TransferSyntaxUID: HTJ2K_LOSSLESS },
    HEADER,
  );
}

const HTJ2K_LOSSLESS: TransferSyntaxUid = '1.2.840.10008.1.2.4.201';
