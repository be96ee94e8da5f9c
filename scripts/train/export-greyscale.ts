// Writes every DICOM file below a folder that can be decoded as an 8-bit grey PNG, as a display would show its
// first frame, for the training of the chest gate: what is not a chest comes in DICOM. Duplicates are left out.
//   npx tsx scripts/train/export-greyscale.ts FROM TO
import { createHash } from 'node:crypto';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';

import sharp from 'sharp';

import type { DecodedImage } from '../../core/imaging/decoded-image.js';
import { greyTable } from '../../core/imaging/presentation.js';
import { decodeFirstFrame } from './decode-first-frame.js';

const [from, to] = process.argv.slice(2);
if (from === undefined || to === undefined) {
  throw new Error('usage: export-greyscale.ts FROM TO');
}
await mkdir(to, { recursive: true });
const seen = new Set<string>();
const names = await readdir(from, { recursive: true, withFileTypes: true });
const paths = names
  .filter((entry) => entry.isFile())
  .map(({ parentPath, name }) => join(parentPath, name));
for (const path of paths.sort()) {
  const image = await decodeFirstFrame(path).catch(() => undefined);
  if (image === undefined) {
    continue;
  }
  const pixels = greyscale(image);
  const digest = createHash('sha256').update(pixels).digest('hex');
  if (!seen.has(digest)) {
    seen.add(digest);
    const name = path.slice(from.length + 1).replaceAll(/[^\w.-]/g, '_');
    const raw = { width: image.width, height: image.height, channels: 1 } as const;
    await sharp(pixels, { raw })
      .png()
      .toFile(join(to, `${name}.png`));
  }
}

function greyscale(image: DecodedImage): Buffer {
  const { firstStored, values } = greyTable(image);
  return Buffer.from(
    Uint8Array.from(image.pixels, (stored) =>
      Math.round(255 * (values[stored - firstStored] ?? 0)),
    ),
  );
}
