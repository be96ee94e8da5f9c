/**
 * How much a score moves between TorchXRayVision's default reading of a DICOM file and the standard's greyscale
 * chain, on real chest radiographs, with the shipped network. Writes the table of docs/pixels.md.
 *
 * Why the shipped network: the recipes differ in the pixels, and any network shows whether that matters.
 * Both recipes deliver -1024..1024 and are brought to -1..1, the shipped network's range.
 *
 * Usage: npx tsx scripts/measure-recipes.ts [../shared/data/dicom/chest]
 */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { prepareImage } from '../adapters/dicom/prepare-image.js';
import { readDicom } from '../adapters/dicom/read-dicom.js';
import { loadModel } from '../adapters/models/load-model.js';
import { modelSearchPath } from '../adapters/models/find-model.js';
import { createClassifierSession } from '../adapters/onnx/classifier-session.js';
import { packageRoot } from '../adapters/process/package-info.js';
import { gatePolicySchema } from '../core/gating/gate-policy.js';

const BEGIN = '<!-- Made by scripts/measure-recipes.ts; do not edit. -->';
const END = '<!-- End of what scripts/measure-recipes.ts made. -->';
const HALF_RANGE = 1024;

const [folder = '../shared/data/dicom/chest'] = process.argv.slice(2);
const { bytes, manifest } = await loadModel('preread-cxr14', modelSearchPath(undefined));
const session = await createClassifierSession({ bytes, manifest, provider: 'cpu' });
const { channels, width, height } = manifest.input;
const rows: string[] = [];
for (const name of (await readdir(folder)).sort()) {
  const path = join(folder, name);
  const { pixels } = readDicom(await readFile(path));
  const plain = await tensorOf(path, 'txrv-224@1');
  const chain = await tensorOf(path, 'txrv-224-voi@1');
  const byPlain = await probabilities(plain);
  const byChain = await probabilities(chain);
  const moved = byPlain.map((value, index) => Math.abs(value - (byChain[index] ?? NaN)));
  const largest = Math.max(...moved);
  const label = manifest.findings[moved.indexOf(largest)]?.key ?? '';
  const lut =
    pixels.voiLut !== undefined ? 'VOI LUT' : pixels.windows.length > 0 ? 'window' : 'no VOI';
  rows.push(
    `| ${name} | ${pixels.BitsStored}, ${pixels.PhotometricInterpretation}, ${lut} | ${meanDifference(plain, chain).toFixed(3)} ` +
      `| ${mean(moved).toFixed(3)} | ${largest.toFixed(3)} (${label}) |`,
  );
}
await session.release();

const table = [
  BEGIN,
  '',
  '| file | bits stored, interpretation, VOI | tensor: mean difference of a range of 2 | probability: mean move | largest move (finding) |',
  '|---|---|---|---|---|',
  ...rows,
  '',
  END,
].join('\n');
const page = join(packageRoot, 'docs', 'pixels.md');
const text = await readFile(page, 'utf8');
const [before = '', rest = ''] = text.split(BEGIN);
await writeFile(page, `${before}${table}${rest.split(END)[1] ?? ''}`);
console.log(table);

async function tensorOf(path: string, recipe: string): Promise<Float32Array> {
  const prepared = await prepareImage(
    { path },
    {
      recipe,
      inputSize: { channels, width, height },
      gatePolicy: gatePolicySchema.parse({ minAgeYears: 0 }),
    },
  );
  if (prepared.kind !== 'ready') {
    throw new Error(`${path}: ${prepared.detail}`);
  }
  return prepared.tensor.map((value) => value / HALF_RANGE);
}

async function probabilities(tensor: Float32Array): Promise<number[]> {
  const { logits } = await session.run(tensor);
  return logits.map((logit) => 1 / (1 + Math.exp(-logit)));
}

function meanDifference(a: Float32Array, b: Float32Array): number {
  return mean([...a].map((value, index) => Math.abs(value - (b[index] ?? NaN))));
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
