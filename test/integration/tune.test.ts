import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { tuningSchema, type Tuning } from '../../core/inference/tuning.js';
import { writeGreyImages } from '../support/grey-images.js';
import { runPreread } from '../support/preread-process.js';
import { tinyModel, writeModelFolder } from '../support/tiny-model.js';

let folder: string;
let model: string;
let images: string[];
let file: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'preread-tune-'));
  model = await writeModelFolder(folder, tinyModel());
  images = await writeGreyImages(folder, 4);
  file = join(folder, 'settings', 'tuning.json');
});

afterAll(async () => {
  await rm(folder, { recursive: true });
});

async function score(env: Readonly<Record<string, string>> = {}): Promise<string> {
  const args = [
    'score',
    ...images,
    '--model',
    model,
    '--out',
    join(folder, 'scores.csv'),
    '--force',
  ];
  const { exitCode, output } = await runPreread(args, { PREREAD_TUNING: file, ...env });
  expect(exitCode).toBe(0);
  return output;
}

async function change(edit: (tuning: Tuning) => unknown): Promise<void> {
  const tuning = tuningSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  await writeFile(file, JSON.stringify(edit(tuning)));
}

test(
  'what tune finds on this machine is used until machine or model is another',
  { timeout: 300_000 },
  async () => {
    expect(await score()).not.toContain('tuning');

    const tune = ['tune', ...images, '--model', model, '--out', file, '--seconds', '0.1'];
    const { exitCode, output } = await runPreread(tune);
    expect(exitCode).toBe(0);
    expect(output).toContain('images/s  processes  threads  precision  batch');
    expect(output).toContain(`Written to ${file}.`);
    const { models } = tuningSchema.parse(JSON.parse(await readFile(file, 'utf8')));
    const [[key, found] = []] = Object.entries(models);
    expect(found).toMatchObject({ model: 'tiny@1.0.0', executionProvider: 'cpu' });

    // Something that nobody would choose by himself, so that it can be seen.
    const arrangement = { processes: 3, threads: 1, precision: 'fp32', maxBatch: 2 };
    await change((tuning) => ({ ...tuning, models: { [key ?? '']: { ...found, arrangement } } }));
    expect(await score()).toContain('3 processes, batches of up to 2');
    expect(await score({ PREREAD_INFERENCE_PROCESSES: '1' })).toContain(
      '1 process, batches of up to 2',
    );
    expect(await score({ PREREAD_MAX_BATCH: '1' })).toMatch(/3 processes\./);

    await change((tuning) => ({ ...tuning, machine: { processor: 'Another', cores: 99 } }));
    const elsewhere = await score();
    expect(elsewhere).toContain('is not used: it was made on Another with 99 cores');
    expect(elsewhere).not.toContain('batches');

    await writeFile(file, 'no JSON');
    expect(await score()).toContain('is not used: its content is not that of a tuning');
  },
);

test('tune says what is wrong with its arguments', async () => {
  const { exitCode, output } = await runPreread(['tune', join(folder, 'absent')]);
  expect(exitCode).toBe(2);
  expect(output).toContain('There is no file or folder');
});
