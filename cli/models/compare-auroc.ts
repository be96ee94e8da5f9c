import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';

import type { LoadedModel } from '../../adapters/models/load-model.js';
import { createClassifierSession } from '../../adapters/onnx/classifier-session.js';
import { PipelineError } from '../../core/errors.js';
import { deLongAuroc } from '../../core/evaluation/delong.js';
import { sigmoid } from '../../core/inference/calibration.js';
import type { ModelManifest } from '../../core/inference/model-manifest.js';
import { csvFields } from '../score/csv.js';
import { networkInput } from './calibration-images.js';

/** Column names under which label files keep the name of the image. */
const IMAGE_COLUMNS = ['image', 'file', 'path', 'Image Index'];

type Variant = NonNullable<ModelManifest['variants']>[number];

/**
 * AUROC of the model's fp32 form against another form of it, on labelled images that are found by name.
 * A label is 1 or 0; everything else counts as not known. Withheld findings are left out.
 */
export async function compareAuroc(
  { bytes, manifest }: LoadedModel,
  other: Uint8Array,
  { labels, paths }: { readonly labels: string; readonly paths: readonly string[] },
): Promise<Variant['aurocDifference']> {
  const table = await readLabels(labels);
  const exact = await createClassifierSession({ bytes, manifest, provider: 'cpu' });
  const changed = await createClassifierSession({ bytes: other, manifest, provider: 'cpu' });
  const rows: {
    labels: ReadonlyMap<string, string>;
    exact: readonly number[];
    other: readonly number[];
  }[] = [];
  for (const path of paths) {
    const known = table.get(basename(path));
    const image = known && (await networkInput(path, manifest));
    if (known !== undefined && image !== undefined) {
      const [a, b] = [await exact.run(image), await changed.run(image)];
      rows.push({ labels: known, exact: a.logits, other: b.logits });
    }
  }
  await exact.release();
  await changed.release();
  const differences = [...manifest.findings.entries()].flatMap(([index, { key, withheld }]) => {
    const cases = rows.filter(({ labels: row }) => ['0', '1'].includes(row.get(key) ?? ''));
    const positive = Uint8Array.from(cases, ({ labels: row }) => Number(row.get(key)));
    const aurocOf = (form: 'exact' | 'other'): number | undefined =>
      deLongAuroc({
        scores: Float64Array.from(cases, (row) => sigmoid(row[form][index] ?? NaN)),
        positive,
      })?.auroc;
    const [before, after] = [aurocOf('exact'), aurocOf('other')];
    return withheld !== undefined || before === undefined || after === undefined
      ? []
      : [Math.abs(before - after)];
  });
  if (differences.length === 0) {
    throw new PipelineError(
      'config-invalid',
      `${labels} labels no finding of the model on these images.`,
    );
  }
  const mean = differences.reduce((sum, value) => sum + value, 0) / differences.length;
  return {
    largest: Number(Math.max(...differences).toFixed(5)),
    mean: Number(mean.toFixed(5)),
    images: rows.length,
    data: `${basename(labels)}, ${differences.length} findings`,
  };
}

async function readLabels(path: string): Promise<Map<string, ReadonlyMap<string, string>>> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new PipelineError('file-unreadable', `${path} cannot be read.`, { cause });
  });
  const [header = '', ...records] = text.split(/\r?\n/).filter((line) => line !== '');
  const columns = csvFields(header);
  const imageColumn = columns.findIndex((column) => IMAGE_COLUMNS.includes(column));
  if (imageColumn < 0) {
    const names = IMAGE_COLUMNS.join(', ');
    throw new PipelineError('config-invalid', `${path} has none of the columns ${names}.`);
  }
  return new Map(
    records.map((record) => {
      const fields = csvFields(record);
      const row = new Map(columns.map((column, index) => [column, fields[index] ?? '']));
      return [basename(fields[imageColumn] ?? ''), row];
    }),
  );
}
