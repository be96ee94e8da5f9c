import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, statSync } from 'node:fs';
import { copyFile, mkdir, readFile, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import sharp from 'sharp';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { PREREAD, readCsv, useScoreBed, type ScoreBed } from '../support/score-bed.js';
import { writeGreyImages } from '../support/grey-images.js';

/** Enough that a run takes longer than the test needs to interrupt it, with rows written ten times a second. */
const IMAGES = 600;

const useBed = useScoreBed(IMAGES);
let folder: ScoreBed['folder'];
let model: ScoreBed['model'];
let preread: ScoreBed['preread'];
let score: ScoreBed['score'];
let out: string;

beforeAll(() => {
  ({ folder, model, preread, score } = useBed());
});
beforeEach(() => {
  out = join(folder, 'scores.csv');
});

async function untilRows(path: string, sizeBytes: number): Promise<void> {
  const deadlineMs = performance.now() + 60_000;
  while (!existsSync(path) || statSync(path).size < sizeBytes) {
    if (performance.now() > deadlineMs) {
      throw new Error('no rows within a minute');
    }
    await delay(5);
  }
}

describe('a run over a mixed folder', () => {
  let mixed: string;
  let rows: Record<string, string | undefined>[];

  beforeAll(async () => {
    mixed = join(folder, 'mixed');
    await mkdir(join(mixed, 'series/deep'), { recursive: true });
    await writeGreyImages(join(mixed, 'series/deep'), 2, { size: 256 });
    await writeFile(join(mixed, 'DICOMDIR'), 'an index');
    await writeFile(join(mixed, 'notes, "old".txt'), 'No image at all. '.repeat(20));
    await writeFile(join(mixed, 'empty.dcm'), '');
    await symlink('..', join(mixed, 'series/up'));
    // A chequered grey of mean 128: even, but not blank. Its squares are those of JPEG, which keeps them whole.
    const chequered = Buffer.from(
      Uint8Array.from({ length: 256 * 256 * 3 }, (_, index) => {
        const at = Math.floor(index / 3);
        return ((at >> 3) + (at >> 11)) % 2 === 0 ? 120 : 136;
      }),
    );
    const grey = sharp(chequered, { raw: { width: 256, height: 256, channels: 3 } });
    await grey.clone().png().toFile(join(mixed, 'picture.png'));
    await grey.clone().jpeg().toFile(join(mixed, 'picture.jpg'));
    const cut = join(mixed, 'cut.dcm');
    await copyFile(join(mixed, 'series/deep/image-0000.dcm'), cut);
    await truncate(cut, statSync(cut).size - 1_000);
    out = join(folder, 'mixed.csv');
    const ran = score('mixed', '--out', out, '--force');
    // Behind cpu stands why it is no GPU, where there is none.
    expect(ran.stderr).toMatch(/tiny@1\.0\.0, fp32 on [^\n]+, 2 processes\./);
    // The cut file is an error that a script should notice.
    expect(ran.status).toBe(3);
    rows = await readCsv(out);
  });

  test('has one row for every file, in the order of names, without the DICOMDIR', () => {
    expect(rows.map(({ file, outcome, reason }) => [file, outcome, reason])).toEqual([
      ['mixed/cut.dcm', 'not-analysed', 'pixel-data-corrupt'],
      ['mixed/empty.dcm', 'not-analysed', 'not-dicom'],
      ['mixed/notes, "old".txt', 'not-analysed', 'not-dicom'],
      ['mixed/picture.jpg', 'scored', ''],
      ['mixed/picture.png', 'scored', ''],
      ['mixed/series/deep/image-0000.dcm', 'scored', ''],
      ['mixed/series/deep/image-0001.dcm', 'scored', ''],
    ]);
  });

  test('names the objects, the findings and the model', () => {
    const row = rows.at(-1);
    expect(Object.keys(row ?? {})).toEqual([
      'file',
      'outcome',
      'reason',
      'StudyInstanceUID',
      'SeriesInstanceUID',
      'SOPInstanceUID',
      'warnings',
      'Effusion',
      'Nodule',
      'Cardiomegaly',
      'flagged',
      'model',
    ]);
    expect(row?.['SOPInstanceUID']).toMatch(/^[\d.]+$/);
    expect(Number(row?.['Effusion'])).toBeGreaterThan(0.5);
    expect(row?.['flagged']).toBe('Effusion;Nodule;Cardiomegaly');
    expect(row?.['model']).toBe('tiny@1.0.0');
    expect(rows[0]?.['Effusion']).toBe('');
  });

  test('warns that a picture has no header, and scores it as the same pixels in DICOM', () => {
    const [jpeg, png] = [rows[3], rows[4]];
    expect(png?.['warnings']).toBe('file-format');
    // 128 of 255: (2 * 128 / 255 - 1) * 1024 times 1 / 1000.
    const logit = ((2 * 128) / 255 - 1) * 1.024;
    // The recipe's zeros outside the image pull the outermost cells towards 0: measured 6e-6.
    expect(Number(png?.['Effusion'])).toBeCloseTo(1 / (1 + Math.exp(-logit)), 4);
    expect(jpeg?.['Effusion']).toBe(png?.['Effusion']);
  });

  test('is the same as JSON Lines, which say more', async () => {
    const lines = join(folder, 'mixed.jsonl');
    expect(score('mixed', '--out', lines, '--force').status).toBe(3);
    const objects = (await readFile(lines, 'utf8'))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(objects.map(({ file }) => file)).toEqual(rows.map(({ file }) => file));
    expect(objects[0]).toMatchObject({ outcome: 'not-analysed', reason: 'pixel-data-corrupt' });
    expect(objects.at(-1)).toMatchObject({
      outcome: 'scored',
      SOPInstanceUID: rows.at(-1)?.['SOPInstanceUID'],
      findings: [
        { key: 'Effusion', probability: Number(rows.at(-1)?.['Effusion']), threshold: 0.5 },
        {},
        {},
      ],
      model: { name: 'tiny', executionProvider: 'cpu', recipe: 'txrv-224@1' },
    });
  });

  test('through a glob holds what the glob says', async () => {
    const path = join(folder, 'glob.csv');
    expect(score('mixed/**/*.{png,dcm}', '--out', path, '--force').status).toBe(3);
    expect((await readCsv(path)).map(({ file }) => file)).toEqual([
      'mixed/cut.dcm',
      'mixed/empty.dcm',
      'mixed/picture.png',
      'mixed/series/deep/image-0000.dcm',
      'mixed/series/deep/image-0001.dcm',
    ]);
  });
});

describe('the same archive', () => {
  test('gives the same bytes, however many processes work on it', async () => {
    const paths = ['1', '3'].map((count) => join(folder, `concurrency-${count}.csv`));
    for (const [index, path] of paths.entries()) {
      const concurrency = ['--concurrency', index === 0 ? '1' : '3'];
      const ran = preread('score', 'archive', '-o', path, '--model', model, ...concurrency);
      expect(ran.status).toBe(0);
    }
    const [one, three] = await Promise.all(paths.map((path) => readFile(path)));
    expect(one?.equals(three ?? Buffer.alloc(0))).toBe(true);
  });

  test('gives the same rows on stdout, with nothing between them', async () => {
    const path = join(folder, 'reference.csv');
    expect(score('archive', '--out', path, '--force').status).toBe(0);
    const piped = score('archive', '--out', '-');
    expect(piped.status).toBe(0);
    expect(piped.stdout).toBe(await readFile(path, 'utf8'));
  });
});

describe.each(['csv', 'jsonl'])('a run into %s that is killed', (format) => {
  let reference: Buffer;

  beforeAll(async () => {
    const path = join(folder, `reference.${format}`);
    expect(score('archive', '--out', path, '--force').status).toBe(0);
    reference = await readFile(path);
  });

  test('again and again is resumed to the same bytes', async () => {
    const path = join(folder, `killed.${format}`);
    const args = ['score', 'archive', '--out', path, '--model', model, '--concurrency', '2'];
    for (const part of [0.2, 0.6]) {
      const run = spawn(process.execPath, [PREREAD, ...args, '--resume'], {
        cwd: folder,
        stdio: 'ignore',
      });
      await untilRows(path, reference.length * part);
      run.kill('SIGKILL');
      await once(run, 'exit');
      expect(statSync(path).size).toBeLessThan(reference.length);
    }
    const last = preread(...args, '--resume');
    expect(last.stderr).toMatch(/Resuming behind \d+ finished rows/);
    expect(last.status).toBe(0);
    expect((await readFile(path)).equals(reference)).toBe(true);
    expect(existsSync(`${path}.lock`)).toBe(false);
  });

  test('in the middle of a line, or before its first one, is repaired', async () => {
    const path = join(folder, `cut.${format}`);
    await copyFile(join(folder, `reference.${format}.run.json`), `${path}.run.json`);
    for (const length of [0, 1_003, reference.length - 1]) {
      await writeFile(path, reference.subarray(0, length));
      expect(score('archive', '--out', path, '--resume').status).toBe(0);
      expect((await readFile(path)).equals(reference)).toBe(true);
    }
  });
});

describe('Ctrl-C', () => {
  test('finishes the rows in work and tells the command that goes on', async () => {
    const path = join(folder, 'interrupted run.csv');
    const args = ['score', 'archive', '--out', path, '--model', model, '--concurrency', '2'];
    const run = spawn(process.execPath, [PREREAD, ...args], {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let stderr = '';
    run.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    await untilRows(path, 2_000);
    run.kill('SIGINT');
    const [status] = (await once(run, 'close')) as [number];
    expect(status).toBe(130);
    const partial = await readFile(path, 'utf8');
    expect(partial.endsWith('\n')).toBe(true);
    const command = /To go on: (preread .*--resume)$/m.exec(stderr)?.[1];
    expect(command).toBe(
      `preread score archive --out '${path}' --model ${model} --concurrency 2 --resume`,
    );
    const resumed = spawnSync(
      'sh',
      ['-c', (command ?? '').replace(/^preread/, `'${process.execPath}' '${PREREAD}'`)],
      { cwd: folder },
    );
    expect(resumed.status).toBe(0);
    expect((await readFile(path, 'utf8')).startsWith(partial)).toBe(true);
    expect(await readCsv(path)).toHaveLength(IMAGES);
  });

  test('a second time stops at once', async () => {
    const path = join(folder, 'stopped.csv');
    const run = spawn(
      process.execPath,
      [PREREAD, 'score', 'archive', '--out', path, '--model', model],
      {
        cwd: folder,
        stdio: 'ignore',
      },
    );
    await untilRows(path, 500);
    run.kill('SIGINT');
    run.kill('SIGINT');
    expect(await once(run, 'exit')).toEqual([130, null]);
  });
});
