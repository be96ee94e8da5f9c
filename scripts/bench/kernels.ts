/**
 * What lies between a file and the network's input, in milliseconds of one core, for each compression: a generated
 * radiograph of 2500 x 3000 pixels and 12 bits, prepared whole and as far as the input needs, and how much the
 * input and the scores of the shipped model move by that. Compressions whose encoder is not installed are left out.
 *
 *   npx tsx scripts/bench/kernels.ts --runs 15 --only RLE
 */
import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { prepareImage } from '../../adapters/dicom/prepare-image.js';
import { DEFAULT_MODEL } from '../../adapters/models/config.js';
import { findModelFolder, modelSearchPath } from '../../adapters/models/find-model.js';
import { loadModel } from '../../adapters/models/load-model.js';
import { createClassifierSession } from '../../adapters/onnx/classifier-session.js';
import type { DecodeMode } from '../../core/imaging/decode-mode.js';
import { wrapGreyImage } from '../phantom/phantom-dicom.js';
import { createRandom } from '../phantom/random.js';
import { thoraxPhantom } from '../phantom/thorax-phantom.js';
import { encodeHtj2k } from '../../cli/bench/encode-htj2k.js';
import { median } from '../../cli/bench/statistics.js';

const HEADER = { BodyPartExamined: 'CHEST', ViewPosition: 'PA', PatientAge: '050Y' } as const;
const RECIPES = ['cxr-square@1', 'txrv-224@1'] as const;

const { values: options } = parseArgs({
  options: { runs: { type: 'string', default: '11' }, only: { type: 'string', default: '' } },
});
const folder = await mkdtemp(join(tmpdir(), 'preread-kernels-'));
const raw = join(folder, 'raw.dcm');
const image = thoraxPhantom(createRandom('bench'), { Rows: 3000, Columns: 2500 });

/** Each makes a file of `raw`. */
const ENCODERS: readonly (readonly [name: string, encode: (to: string) => Promise<void> | void])[] =
  [
    ['raw', async (to) => writeFile(to, await readFile(raw))],
    ['RLE', byProgram('dcmcrle')],
    ['JPEG lossless SV1', byProgram('dcmcjpeg', '+e1')],
    ['JPEG-LS', byProgram('dcmcjpls', '+el')],
    ['JPEG 2000 lossless', byProgram('gdcmconv', '--j2k')],
    ['HTJ2K lossless', (to) => writeHtj2k(to, true)],
    ['HTJ2K lossy', (to) => writeHtj2k(to, false)],
  ];

try {
  await writeFile(raw, wrapGreyImage(image, HEADER));
  const { bytes, manifest } = await loadModel(
    findModelFolder(DEFAULT_MODEL, modelSearchPath()),
    [],
  );
  const session = await createClassifierSession({ bytes, manifest, provider: 'cpu' });
  const scoresOf = async (tensor: Float32Array) =>
    (await session.run(tensor)).logits.map((logit) => 1 / (1 + Math.exp(-logit)));
  print('recipe', 'full ms', 'fast ms', 'full/fast', 'rms', 'max', 'score', 'compression');
  for (const [name, encode] of ENCODERS.filter(([name]) => name.includes(options.only))) {
    const path = join(folder, `${name.replaceAll(' ', '-')}.dcm`);
    try {
      await encode(path);
    } catch (error) {
      console.log(`${name}: left out, ${(error as Error).message.split('\n')[0] ?? ''}`);
      continue;
    }
    for (const recipe of RECIPES) {
      const full = await measure(path, recipe, 'full');
      const fast = await measure(path, recipe, 'fast');
      const { rms, max } = difference(full.tensor, fast.tensor);
      let moved = '';
      if (recipe === manifest.input.recipe) {
        const [before, after] = [await scoresOf(full.tensor), await scoresOf(fast.tensor)];
        moved = Math.max(
          ...before.map((score, at) => Math.abs(score - (after[at] ?? NaN))),
        ).toFixed(5);
      }
      const figures = [full.ms.toFixed(1), fast.ms.toFixed(1), (full.ms / fast.ms).toFixed(2)];
      print(recipe, ...figures, rms.toExponential(1), max.toExponential(1), moved, name);
    }
  }
} finally {
  await rm(folder, { recursive: true });
}

/** Median processor time of a whole preparation, from a file in the page cache to the tensor. */
async function measure(path: string, recipe: string, decode: DecodeMode) {
  const inputSize = { channels: 1, width: 224, height: 224 };
  const times: number[] = [];
  let tensor: Float32Array = new Float32Array(0);
  for (let run = -2; run < Number(options.runs); run += 1) {
    const before = process.cpuUsage();
    const prepared = await prepareImage({ path }, { recipe, inputSize, decode });
    const { user, system } = process.cpuUsage(before);
    if (prepared.kind !== 'ready') {
      throw new Error(`${path}: ${prepared.detail}`);
    }
    tensor = prepared.tensor;
    if (run >= 0) {
      times.push((user + system) / 1000);
    }
  }
  return { ms: median(times), tensor };
}

/** In the units of TorchXRayVision's scale, whose range is 2048, whatever the recipe's is. */
function difference(
  a: Float32Array,
  b: Float32Array,
): { readonly rms: number; readonly max: number } {
  const low = a.reduce((least, value) => Math.min(least, value), 0);
  const scale = low < -1 ? 1 : 1024;
  let sum = 0;
  let max = 0;
  a.forEach((value, index) => {
    const off = scale * Math.abs(value - (b[index] ?? NaN));
    sum += off * off;
    max = Math.max(max, off);
  });
  return { rms: Math.sqrt(sum / a.length), max };
}

async function writeHtj2k(to: string, lossless: boolean): Promise<void> {
  const frames = [await encodeHtj2k(image, lossless)];
  const TransferSyntaxUID = lossless ? '1.2.840.10008.1.2.4.201' : '1.2.840.10008.1.2.4.203';
  await writeFile(to, wrapGreyImage({ ...image, frames, TransferSyntaxUID }, HEADER));
}

function byProgram(name: string, ...args: string[]): (to: string) => void {
  return (to) => {
    execFileSync(name, [...args, raw, to], { stdio: 'pipe' });
  };
}

function print(...cells: string[]): void {
  const widths = [13, 8, 8, 10, 8, 8, 8, 0];
  console.log(cells.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join(' '));
}
