import { createReadStream, type ReadStream } from 'node:fs';
import { open } from 'node:fs/promises';

import { CsvError, parse } from 'csv-parse';

import { PipelineError } from '../../core/errors.js';

const SEPARATORS = [',', ';', '\t'] as const;
/** Enough for any header. */
const HEADER_BYTES = 64 * 1024;

export interface CsvTable {
  readonly header: readonly string[];
  /** In the order of the header; a row may be shorter or longer. */
  readonly rows: AsyncIterable<readonly string[]>;
}

/**
 * A CSV file, streamed: with or without byte-order mark, any line ends, separated by comma, semicolon or
 * tab. Throws `request-invalid` with the line when it cannot be read.
 */
export async function openCsv(path: string): Promise<CsvTable> {
  const parser = parse({
    bom: true,
    delimiter: await separatorOf(path),
    relax_column_count: true,
    skip_empty_lines: true,
  });
  const source = createReadStream(path);
  source.on('error', (error) => parser.destroy(error));
  source.pipe(parser);
  const records = parser[Symbol.asyncIterator]() as AsyncIterator<string[], undefined>;
  const first = await records.next().catch((error: unknown) => {
    throw unreadable(path, error);
  });
  if (first.done === true) {
    throw new PipelineError('request-invalid', `${path} is empty.`);
  }
  return { header: first.value, rows: rowsOf(path, records, source) };
}

async function* rowsOf(
  path: string,
  records: AsyncIterator<string[], undefined>,
  source: ReadStream,
): AsyncGenerator<readonly string[]> {
  try {
    for (let next = await records.next(); next.done !== true; next = await records.next()) {
      yield next.value;
    }
  } catch (error) {
    throw unreadable(path, error);
  } finally {
    source.destroy();
  }
}

async function separatorOf(path: string): Promise<string> {
  let handle;
  try {
    handle = await open(path);
  } catch (error) {
    throw unreadable(path, error);
  }
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEADER_BYTES), 0, HEADER_BYTES, 0);
    const line = buffer.toString('utf8', 0, bytesRead).split('\n', 1)[0] ?? '';
    const counts = SEPARATORS.map((separator) => line.split(separator).length);
    return SEPARATORS[counts.indexOf(Math.max(...counts))] ?? ',';
  } finally {
    await handle.close();
  }
}

function unreadable(path: string, cause: unknown): PipelineError {
  if (cause instanceof PipelineError) {
    return cause;
  }
  if (cause instanceof CsvError) {
    const line: unknown = cause['lines'];
    const at = typeof line === 'number' ? `, line ${line}` : '';
    return new PipelineError('request-invalid', `${path}${at}: this is no CSV (${cause.code}).`, {
      cause,
    });
  }
  const code = cause instanceof Error && 'code' in cause ? ` (${String(cause.code)})` : '';
  return new PipelineError('request-invalid', `${path} cannot be read${code}.`, { cause });
}
