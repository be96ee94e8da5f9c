import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { open, truncate, type FileHandle } from 'node:fs/promises';
import type { Writable } from 'node:stream';

import { PipelineError } from '../../core/errors.js';
import type { InputFile } from './input-files.js';
import { lockOutput } from './output-lock.js';
import type { RowFormat, RowSummary } from './row-format.js';
import { createRowWriter } from './row-writer.js';
import { readRunRecord, recordDifferences, writeRunRecord, type RunRecord } from './run-record.js';
import { readRecords } from './text-records.js';

/** Where rows go. */
export interface ScoreOutput {
  /** Waits where rows come faster than they can be written. Throws what an earlier one failed of. */
  write(row: string): Promise<void>;
  /** Behind all rows. Throws what one of them failed of. */
  close(): Promise<void>;
}

export interface FileOutputOptions {
  readonly path: string;
  readonly format: RowFormat;
  readonly record: RunRecord;
  /** Go on behind the rows that are there. */
  readonly resume: boolean;
}

export const runRecordPath = (output: string): string => `${output}.run.json`;
export const lockPath = (output: string): string => `${output}.lock`;

/** Rows to a stream that is not ours, such as stdout. */
export async function streamOutput(stream: Writable, format: RowFormat): Promise<ScoreOutput> {
  let failure: Error | undefined;
  stream.on('error', (error) => {
    failure = error;
  });
  async function write(text: string): Promise<void> {
    if (failure !== undefined) {
      throw failure;
    }
    if (!stream.write(text)) {
      await once(stream, 'drain');
    }
  }
  await write(format.header);
  return { write, close: () => Promise.resolve() };
}

/**
 * Rows to a file of their own, locked for this process. When it is resumed, the rows that are there are
 * compared with the files that are to be scored, which they take from `files`, and a last line that was
 * cut off is dropped. Throws `request-invalid` when the rows are not those of this run.
 */
export async function openFileOutput(
  options: FileOutputOptions,
  files: AsyncIterator<InputFile>,
  onFinished: (row: RowSummary) => void,
): Promise<ScoreOutput> {
  const { path, format, record } = options;
  const unlock = await lockOutput(lockPath(path));
  try {
    const resuming = options.resume && existsSync(path);
    let handle: FileHandle;
    if (resuming) {
      await compareRecords(path, record);
      const end = await takeFinishedRows(options, files, onFinished);
      await truncate(path, end);
      handle = await open(path, 'a');
      if (end === 0) {
        await handle.appendFile(format.header);
      }
    } else {
      await writeRunRecord(runRecordPath(path), record);
      handle = await open(path, 'w');
      await handle.appendFile(format.header);
    }
    return fileOutput(handle, unlock);
  } catch (error) {
    await unlock();
    throw error;
  }
}

function fileOutput(handle: FileHandle, unlock: () => Promise<void>): ScoreOutput {
  const rows = createRowWriter(handle);
  return {
    write: (row) => rows.write(row),
    async close() {
      try {
        await rows.end();
        await handle.sync();
      } finally {
        await handle.close();
        await unlock();
      }
    },
  };
}

async function compareRecords(path: string, record: RunRecord): Promise<void> {
  const found = await readRunRecord(runRecordPath(path));
  if (found === undefined) {
    throw cannotResume(`${runRecordPath(path)}, which says what made its rows, is missing.`);
  }
  const differences = recordDifferences(found, record);
  if (differences.length > 0) {
    throw cannotResume(`its rows were made with another ${differences.join(', ')}.`);
  }
}

/** Where in the output the complete rows end. */
async function takeFinishedRows(
  { path, format }: FileOutputOptions,
  files: AsyncIterator<InputFile>,
  onFinished: (row: RowSummary) => void,
): Promise<number> {
  let end = 0;
  let line = 0;
  for await (const record of readRecords(path, format.quoted)) {
    line += 1;
    end = record.end;
    if (line === 1 && format.header !== '') {
      if (`${record.text}\n` !== format.header) {
        throw cannotResume('its first line is not the header of this run.');
      }
      continue;
    }
    const row = format.read(record.text);
    const next = await files.next();
    if (row === undefined || next.done === true || next.value.path !== row.file) {
      throw cannotResume(`its line ${line} is not the row of the file that comes there now.`);
    }
    onFinished(row);
  }
  return end;
}

function cannotResume(reason: string): PipelineError {
  return new PipelineError('request-invalid', `The output cannot be resumed: ${reason}`);
}
