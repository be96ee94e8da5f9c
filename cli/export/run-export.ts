import { createWriteStream, existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';

import { PipelineError } from '../../core/errors.js';
import { readRunRecordOf, readScoreFile, type ScoreRow } from '../evaluation/score-file.js';
import { findScoredModel, sameModelOnly } from '../evaluation/scored-model.js';
import { writeParquet } from './parquet-file.js';
import { chexpertShape, txrvShape, type CsvShape } from './research-shapes.js';

export const EXPORT_FORMATS = ['chexpert', 'txrv', 'parquet'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

export interface ExportFlags {
  readonly scores: string;
  readonly format: ExportFormat;
  readonly out: string;
  readonly model?: string;
  readonly modelsDir?: string;
  readonly overlay?: string;
  readonly force: boolean;
}

/** Rewrites a score file in another shape. Returns the line that sums it up. Throws PipelineError. */
export async function runExport(
  flags: ExportFlags,
  env: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  const { scores, format, out, force } = flags;
  if (existsSync(out) && !force) {
    throw new PipelineError(
      'request-invalid',
      `${out} exists: name another file, or overwrite it with --force.`,
    );
  }
  // Whole or not at all: a reader never meets half a file.
  const temporary = `${out}.tmp`;
  try {
    const rows = await write(temporary, flags, env);
    await rename(temporary, out);
    return `${rows} rows of ${scores} are in ${out} (${format}).`;
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

async function write(
  path: string,
  flags: ExportFlags,
  env: Readonly<Record<string, string | undefined>>,
): Promise<number> {
  switch (flags.format) {
    case 'parquet':
      return writeParquet(
        path,
        await findingKeys(flags.scores),
        readScoreFile(flags.scores),
        await readRunRecordOf(flags.scores),
      );
    case 'chexpert':
      return writeCsv(path, chexpertShape(), readScoreFile(flags.scores));
    case 'txrv': {
      const model = await findScoredModel(flags, env);
      const check = sameModelOnly(flags.scores, model.text);
      return writeCsv(path, txrvShape(model.manifest), readScoreFile(flags.scores), check);
    }
  }
}

async function writeCsv(
  path: string,
  shape: CsvShape,
  rows: AsyncIterable<ScoreRow>,
  check: (row: ScoreRow) => void = () => undefined,
): Promise<number> {
  let count = 0;
  async function* lines(): AsyncGenerator<string> {
    yield shape.header;
    for await (const row of rows) {
      check(row);
      count += 1;
      yield shape.line(row);
    }
  }
  await pipeline(lines, createWriteStream(path));
  return count;
}

/** Every finding that some row has, in the order of their appearance. */
async function findingKeys(scores: string): Promise<readonly string[]> {
  const keys = new Set<string>();
  for await (const { probabilities } of readScoreFile(scores)) {
    for (const key of probabilities.keys()) {
      keys.add(key);
    }
  }
  if (keys.size === 0) {
    throw new PipelineError('request-invalid', `${scores} has no scored image.`);
  }
  return [...keys];
}
