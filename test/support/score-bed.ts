import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll } from 'vitest';

import { packageRoot } from '../../adapters/process/package-info.js';
import { csvFields } from '../../cli/score/csv.js';
import { writeGreyImages } from './grey-images.js';
import { tinyModel, writeModelFolder } from './tiny-model.js';

export const PREREAD = join(packageRoot, 'bin/preread.js');

interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A folder with two models and `archive`, images to score. */
export interface ScoreBed {
  readonly folder: string;
  readonly model: string;
  readonly otherModel: string;
  readonly archive: string;
  /** Runs `preread` in the folder, to its end. */
  readonly preread: (...args: readonly string[]) => Ran;
  /** `preread score` with the model. */
  readonly score: (...args: readonly string[]) => Ran;
}

export function useScoreBed(images: number): () => ScoreBed {
  let bed: ScoreBed;
  beforeAll(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'preread-score-'));
    const model = await writeModelFolder(folder, tinyModel());
    const otherModel = await writeModelFolder(
      folder,
      tinyModel({ name: 'other', findings: ['Mass', 'Edema'] }),
    );
    const archive = join(folder, 'archive');
    await mkdir(archive);
    await writeGreyImages(archive, images, { size: 256 });
    const preread = (...args: readonly string[]): Ran =>
      spawnSync(process.execPath, [PREREAD, ...args], { encoding: 'utf8', cwd: folder });
    bed = {
      folder,
      model,
      otherModel,
      archive,
      preread,
      score: (...args) => preread('score', ...args, '--model', model, '--concurrency', '2'),
    };
  });
  afterAll(() => rm(bed.folder, { recursive: true }));
  return () => bed;
}

/** Rows as objects by column name. */
export async function readCsv(path: string): Promise<Record<string, string | undefined>[]> {
  const [header = '', ...lines] = (await readFile(path, 'utf8')).trimEnd().split('\n');
  const columns = csvFields(header);
  return lines.map((line) => {
    const fields = csvFields(line);
    return Object.fromEntries(columns.map((column, index) => [column, fields[index]]));
  });
}
