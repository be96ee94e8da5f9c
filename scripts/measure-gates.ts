// Measures the pixel gates on real chest radiographs, as they are and altered in ways that the gates must see, and
// prints the table of docs/gates.md.
//   npx tsx scripts/measure-gates.ts [../shared/data [words of a name, such as cropped or "as it is"]]
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { readImageFile } from '../adapters/dicom/read-image-file.js';
import { DEFAULT_GATE_POLICY } from '../core/gating/gate-policy.js';
import { CROP_SIDES, type CropSide } from '../core/gating/crop.js';
import { orientationOf } from '../core/gating/orientation.js';
import { thumbnailOf, withPicture } from '../core/gating/picture.js';
import { invertedTensor, runPixelGates } from '../core/gating/pixel-gates.js';
import { rowsOf } from '../core/imaging/image-rows.js';
import { getRecipe } from '../core/inference/recipes/recipe.js';

const SIZE = 224;
const RANGE: readonly [number, number] = [-1, 1];
/** Those that are not there are left out. */
const SETS = ['nih-cxr14-subset', 'rsna-normals-256', 'kermany-paediatric-224'];
/** Of each set at most, spread over its files; crops are measured on fewer. */
const IMAGES = Number(process.env['IMAGES'] ?? 2500);
const Z95 = 1.959963984540054;

type Change = (tensor: Float32Array) => Float32Array;

const CHANGES: Readonly<Record<string, Change>> = {
  'as it is': (tensor) => tensor,
  inverted: (tensor) => invertedTensor(tensor, RANGE),
  'turned by 90': (tensor) => turned(tensor, 1),
  'turned by 180': (tensor) => turned(tensor, 2),
  'turned by 270': (tensor) => turned(tensor, 3),
  'inverted and turned by 180': (tensor) => turned(invertedTensor(tensor, RANGE), 2),
  ...Object.fromEntries(
    CROP_SIDES.flatMap((side) =>
      [0.15, 0.25, 0.35, 0.45].map((share) => [
        `cropped: ${100 * share} % of the ${side}`,
        (tensor: Float32Array) => cropped(tensor, side, share),
      ]),
    ),
  ),
};

const [data = '../shared/data', only = ''] = process.argv.slice(2);
const gates = ['blank', 'saturation', 'polarity', 'rotation', 'field', 'cropped'];
console.log(`| images | altered | ${gates.join(' | ')} | corrected |`);
console.log(`|${'---|'.repeat(gates.length + 3)}`);
for (const set of SETS.filter((name) => existsSync(join(data, name)))) {
  const tensors = await tensorsOf(join(data, set, 'images'));
  const margins: [number, string][] = [];
  for (const [name, tensor] of tensors) {
    const { inverted, rotation, margin } = orientationOf(
      withPicture(tensor, SIZE, RANGE, thumbnailOf),
    );
    if (margin > 0) {
      margins.push([margin, `${name} ${inverted ? 'inverted ' : ''}${rotation}`]);
    }
  }
  for (const [change, apply] of Object.entries(CHANGES)) {
    if (!change.includes(only)) {
      continue;
    }
    const counts = new Map<string, number>();
    for (const tensor of tensors.values()) {
      const results = runPixelGates(
        apply(tensor),
        { size: SIZE, range: RANGE },
        DEFAULT_GATE_POLICY,
      );
      for (const { gate, verdict } of results.gates) {
        counts.set(gate, (counts.get(gate) ?? 0) + (verdict === 'pass' ? 0 : 1));
      }
      counts.set('corrected', (counts.get('corrected') ?? 0) + (results.invert ? 1 : 0));
    }
    const cells = [...gates, 'corrected'].map((gate) => share(counts.get(gate) ?? 0, tensors.size));
    console.log(`| ${set} (${tensors.size}) | ${change} | ${cells.join(' | ')} |`);
  }
  const top = margins.sort(([a], [b]) => b - a).slice(0, 12);
  console.error(set, top.map(([margin, name]) => `${name}: ${margin.toFixed(1)}`).join('; '));
}

async function tensorsOf(folder: string): Promise<Map<string, Float32Array>> {
  const names = (await readdir(folder, { recursive: true })).filter((name) =>
    /\.jpe?g$/.test(name),
  );
  const step = Math.max(1, names.length / IMAGES);
  const tensors = new Map<string, Float32Array>();
  for (let at = 0; at < names.length; at += step) {
    const name = names.sort()[Math.floor(at)] ?? '';
    const image = await readImageFile(await readFile(join(folder, name)), 1e8);
    tensors.set(name, getRecipe('cxr-square@1')(rowsOf(image), SIZE));
  }
  return tensors;
}

/** Clockwise by quarters. */
function turned(tensor: Float32Array, quarters: number): Float32Array {
  let from = tensor;
  for (let quarter = 0; quarter < quarters; quarter += 1) {
    const source = from;
    from = Float32Array.from({ length: SIZE * SIZE }, (_, index) => {
      const x = index % SIZE;
      const y = Math.floor(index / SIZE);
      return source[(SIZE - 1 - x) * SIZE + y] ?? 0;
    });
  }
  return from;
}

/** What is left without a share of one side: its central square, enlarged. */
function cropped(tensor: Float32Array, side: CropSide, share: number): Float32Array {
  const cut = Math.floor(SIZE * share);
  const kept = SIZE - cut;
  const from = (first: CropSide, last: CropSide) =>
    side === first ? cut : side === last ? 0 : Math.floor(cut / 2);
  const [x0, y0] = [from('left', 'right'), from('top', 'bottom')];
  const place = (at: number) => {
    const exact = Math.max(0, ((at + 0.5) * kept) / SIZE - 0.5);
    const low = Math.floor(exact);
    return { low, high: Math.min(low + 1, kept - 1), weight: exact - low };
  };
  const places = Array.from({ length: SIZE }, (_, at) => place(at));
  return Float32Array.from({ length: SIZE * SIZE }, (_, index) => {
    const x = places[index % SIZE] ?? place(0);
    const y = places[Math.floor(index / SIZE)] ?? place(0);
    const row = (line: number) => {
      const start = (y0 + line) * SIZE + x0;
      return (
        (tensor[start + x.low] ?? 0) * (1 - x.weight) + (tensor[start + x.high] ?? 0) * x.weight
      );
    };
    return row(y.low) * (1 - y.weight) + row(y.high) * y.weight;
  });
}

/** Hits of all with the Wilson interval, in per cent. */
function share(hits: number, total: number): string {
  const p = hits / total;
  const centre = p + Z95 ** 2 / (2 * total);
  const half = Z95 * Math.sqrt((p * (1 - p)) / total + Z95 ** 2 / (4 * total ** 2));
  const scale = 100 / (1 + Z95 ** 2 / total);
  const [low, high] = [Math.max(0, centre - half), Math.min(1 + Z95 ** 2 / total, centre + half)];
  return `${hits} (${(100 * p).toFixed(2)} %: ${(low * scale).toFixed(2)}-${(high * scale).toFixed(2)})`;
}
