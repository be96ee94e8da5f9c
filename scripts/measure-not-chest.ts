// Compares the model's output `ood` of its forms (fp32, int8) on DICOM pictures of which most are no chests, and
// prints the table of docs/gates.md. Pictures in the folder `chest` count as chests; equal ones count once.
//   npx tsx scripts/measure-not-chest.ts [../shared/data/dicom [model]]
import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';

import { modelSearchPath } from '../adapters/models/find-model.js';
import { loadModel } from '../adapters/models/load-model.js';
import {
  createClassifierSession,
  type ClassifierSession,
} from '../adapters/onnx/classifier-session.js';
import { rowsOf } from '../core/imaging/image-rows.js';
import { getRecipe } from '../core/inference/recipes/recipe.js';
import { decodeFirstFrame } from './train/decode-first-frame.js';

const FORMS = ['fp32', 'int8'] as const;

const [data = '../shared/data/dicom', name = 'preread-cxr14'] = process.argv.slice(2);
const sessions: ClassifierSession[] = [];
for (const precision of FORMS) {
  const model = await loadModel(name, modelSearchPath(), { precision, fastInt8: true });
  sessions.push(await createClassifierSession({ ...model, provider: 'cpu' }));
}
const { manifest } = await loadModel(name, modelSearchPath());
const threshold = manifest.oodGate?.threshold ?? NaN;

interface Picture {
  readonly name: string;
  readonly chest: boolean;
  /** By form. */
  readonly ood: readonly number[];
}

const pictures: Picture[] = [];
const seen = new Set<string>();
for (const path of await filesOf(data)) {
  const image = await decodeFirstFrame(path).catch(() => undefined);
  if (image === undefined) {
    continue;
  }
  const tensor = getRecipe(manifest.input.recipe)(rowsOf(image), manifest.input.width);
  const digest = createHash('sha256')
    .update(Buffer.from(tensor.buffer, 0, tensor.byteLength))
    .digest('hex');
  if (seen.has(digest)) {
    continue;
  }
  seen.add(digest);
  const ood: number[] = [];
  for (const session of sessions) {
    ood.push((await session.run(tensor)).ood ?? NaN);
  }
  const below = relative(data, path);
  pictures.push({ name: below, chest: below.split(sep)[0] === 'chest', ood });
}

console.log(`threshold ${threshold}`);
console.log(
  '| pictures | form | above the threshold | nearest to it | largest difference from fp32 |',
);
console.log('|---|---|---|---|---|');
for (const chest of [false, true]) {
  const group = pictures.filter((picture) => picture.chest === chest);
  for (const [form, precision] of FORMS.entries()) {
    const values = group.map(({ ood }) => ood[form] ?? NaN);
    const nearest = values.reduce((a, b) =>
      Math.abs(a - threshold) <= Math.abs(b - threshold) ? a : b,
    );
    const difference = Math.max(
      ...group.map(({ ood }) => Math.abs((ood[form] ?? NaN) - (ood[0] ?? NaN))),
    );
    const above = values.filter((value) => value > threshold).length;
    console.log(
      `| ${chest ? 'chests' : 'others'} (${group.length}) | ${precision} | ${above} | ${nearest.toFixed(2)} | ${difference.toFixed(2)} |`,
    );
  }
}
for (const { name: picture, chest, ood } of pictures) {
  const [exact = NaN, coarse = NaN] = ood;
  if (exact > threshold === chest || exact > threshold !== coarse > threshold) {
    console.log(`${picture}: ${exact.toFixed(2)} in fp32, ${coarse.toFixed(2)} in int8`);
  }
}

async function filesOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name: file }) => join(parentPath, file))
    .sort();
}
