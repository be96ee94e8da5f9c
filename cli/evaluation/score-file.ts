import { createReadStream } from 'node:fs';
import { extname } from 'node:path';
import { createInterface } from 'node:readline';

import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import { z } from 'zod';

import { PipelineError } from '../../core/errors.js';
import { modelText } from '../../core/inference/model-overlay.js';
import {
  parseRunRecord,
  readRunRecord,
  RUN_RECORD_KEY,
  type RunRecord,
} from '../score/run-record.js';
import { runRecordPath } from '../score/score-output.js';
import { openCsv } from './read-csv.js';

/** Rows of a Parquet file that are in memory at once. */
const PARQUET_ROWS = 20_000;

/** One row of a score file, whichever its format. */
export interface ScoreRow {
  readonly file: string;
  readonly outcome: string;
  readonly reason: string;
  readonly StudyInstanceUID: string;
  readonly SeriesInstanceUID: string;
  readonly SOPInstanceUID: string;
  readonly warnings: string;
  /** Raw probabilities by the finding's key; empty when the image was not scored. */
  readonly probabilities: ReadonlyMap<string, number>;
  readonly flagged: string;
  /** `name@version`, with `+name@version` of a site's overlay behind it. */
  readonly model: string;
  /** Of the weights, where the row says it. */
  readonly modelSha256: string | undefined;
}

/** Columns before and after those of the findings, as `preread score` writes them. */
export const LEADING_COLUMNS = [
  'file',
  'outcome',
  'reason',
  'StudyInstanceUID',
  'SeriesInstanceUID',
  'SOPInstanceUID',
  'warnings',
] as const;
export const TRAILING_COLUMNS = ['flagged', 'model'] as const;

/** The rows of a file that `preread score` or `preread export` wrote, streamed. Throws `request-invalid`. */
export async function* readScoreFile(path: string): AsyncGenerator<ScoreRow> {
  switch (extname(path).toLowerCase()) {
    case '.csv':
      yield* readCsvScores(path);
      return;
    case '.jsonl':
      yield* readJsonLines(path);
      return;
    case '.parquet':
      yield* readParquet(path);
      return;
    default:
      throw new PipelineError(
        'request-invalid',
        `${path}: the name of a score file ends in .csv, .jsonl or .parquet.`,
      );
  }
}

async function* readCsvScores(path: string): AsyncGenerator<ScoreRow> {
  const { header, rows } = await openCsv(path);
  const read = rowReader(path, header);
  let line = 1;
  for await (const fields of rows) {
    line += 1;
    if (fields.length !== header.length) {
      throw new PipelineError(
        'request-invalid',
        `${path}: row ${line} has ${fields.length} fields, not ${header.length}. ` +
          'If the run was interrupted, let preread score --resume finish it.',
      );
    }
    yield read((at) => fields[at] ?? '', line);
  }
}

/** What made the rows: beside the file, or within it where it is Parquet. Undefined where nothing says it. */
export async function readRunRecordOf(path: string): Promise<RunRecord | undefined> {
  if (extname(path).toLowerCase() !== '.parquet') {
    return readRunRecord(runRecordPath(path));
  }
  const { key_value_metadata: entries = [] } = await parquetMetadataAsync(
    await asyncBufferFromFile(path),
  );
  const text = entries.find(({ key }) => key === RUN_RECORD_KEY)?.value;
  return text === undefined ? undefined : parseRunRecord(text);
}

async function* readParquet(path: string): AsyncGenerator<ScoreRow> {
  const file = await asyncBufferFromFile(path).catch((cause: unknown) => {
    throw new PipelineError('request-invalid', `${path} cannot be read.`, { cause });
  });
  try {
    const metadata = await parquetMetadataAsync(file);
    const header = metadata.schema.slice(1).map(({ name }) => name);
    const read = rowReader(path, header);
    const total = Number(metadata.num_rows);
    for (let rowStart = 0; rowStart < total; rowStart += PARQUET_ROWS) {
      const rowEnd = Math.min(total, rowStart + PARQUET_ROWS);
      const rows = await parquetReadObjects({ file, metadata, rowStart, rowEnd });
      for (const [index, row] of rows.entries()) {
        yield read((at) => cellText(row[header[at] ?? '']), rowStart + index + 1);
      }
    }
  } catch (cause) {
    throw cause instanceof PipelineError
      ? cause
      : new PipelineError('request-invalid', `${path} is no Parquet file that can be read.`, {
          cause,
        });
  }
}

function cellText(value: unknown): string {
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '';
}

/** Reads rows by the header that every score file has. */
function rowReader(
  path: string,
  header: readonly string[],
): (cell: (at: number) => string, line: number) => ScoreRow {
  const keys = header.slice(LEADING_COLUMNS.length, -TRAILING_COLUMNS.length);
  const expected = [...LEADING_COLUMNS, ...keys, ...TRAILING_COLUMNS];
  if (keys.length === 0 || header.join('\n') !== expected.join('\n')) {
    throw new PipelineError(
      'request-invalid',
      `${path} is no score file: its columns are not those that preread score writes.`,
    );
  }
  const firstKey = LEADING_COLUMNS.length;
  const flaggedAt = firstKey + keys.length;
  return (cell, line) => {
    const probabilities = new Map<string, number>();
    for (const [index, key] of keys.entries()) {
      const text = cell(firstKey + index);
      if (text !== '') {
        probabilities.set(key, probabilityOf(text, path, line));
      }
    }
    return {
      file: cell(0),
      outcome: cell(1),
      reason: cell(2),
      StudyInstanceUID: cell(3),
      SeriesInstanceUID: cell(4),
      SOPInstanceUID: cell(5),
      warnings: cell(6),
      probabilities,
      flagged: cell(flaggedAt),
      model: cell(flaggedAt + 1),
      modelSha256: undefined,
    };
  };
}

function probabilityOf(text: string, path: string, line: number): number {
  const value = Number(text);
  if (!(value >= 0 && value <= 1)) {
    throw new PipelineError('request-invalid', `${path}: row ${line} holds no probability.`);
  }
  return value;
}

const scoredFindingSchema = z.object({
  key: z.string(),
  probability: z.number().min(0).max(1),
  flagged: z.boolean(),
});

const reference = z.object({ name: z.string(), version: z.string() });

const jsonRowSchema = z.object({
  file: z.string(),
  outcome: z.string(),
  reason: z.string().default(''),
  StudyInstanceUID: z.string().default(''),
  SeriesInstanceUID: z.string().default(''),
  SOPInstanceUID: z.string().default(''),
  warnings: z.array(z.object({ gate: z.string() })).default([]),
  findings: z.array(scoredFindingSchema).default([]),
  withheld: z.record(z.string(), z.number().min(0).max(1)).default({}),
  model: reference.extend({ sha256: z.string(), overlay: reference.optional() }),
});

async function* readJsonLines(path: string): AsyncGenerator<ScoreRow> {
  const input = createReadStream(path);
  let line = 0;
  try {
    for await (const text of createInterface({ input, crlfDelay: Infinity })) {
      line += 1;
      if (text !== '') {
        yield fromJson(text);
      }
    }
  } catch (cause) {
    throw new PipelineError(
      'request-invalid',
      line === 0 ? `${path} cannot be read.` : `${path}: line ${line} is no row of preread score.`,
      { cause },
    );
  } finally {
    input.destroy();
  }
}

function fromJson(text: string): ScoreRow {
  const { findings, withheld, warnings, model, ...row } = jsonRowSchema.parse(JSON.parse(text));
  return {
    ...row,
    warnings: warnings.map(({ gate }) => gate).join(';'),
    probabilities: new Map([
      ...findings.map(({ key, probability }) => [key, probability] as const),
      ...Object.entries(withheld),
    ]),
    flagged: findings.flatMap(({ key, flagged }) => (flagged ? [key] : [])).join(';'),
    model: modelText(model),
    modelSha256: model.sha256,
  };
}
