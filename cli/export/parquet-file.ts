import { fileWriter, ParquetWriter, schemaFromColumnData } from 'hyparquet-writer';

import { RUN_RECORD_KEY, type RunRecord } from '../score/run-record.js';
import { LEADING_COLUMNS, TRAILING_COLUMNS, type ScoreRow } from '../evaluation/score-file.js';

/** Rows that are in memory at once; a row group of the file. */
const ROW_GROUP = 20_000;

/**
 * Score rows as a Parquet file (Snappy): the columns of the CSV, texts as STRING, probabilities as DOUBLE, null
 * where the CSV is empty. Returns the number of rows.
 *
 * @param keys of the findings, in the order of their columns
 * @param record what made the rows, kept in the file's metadata
 */
export async function writeParquet(
  path: string,
  keys: readonly string[],
  rows: AsyncIterable<ScoreRow>,
  record: RunRecord | undefined,
): Promise<number> {
  let group: ScoreRow[] = [];
  let total = 0;
  const parquet = new ParquetWriter({
    writer: fileWriter(path),
    schema: schemaFromColumnData({ columnData: columnsOf([], keys) }),
    createdBy: 'preread',
    ...(record && { kvMetadata: [{ key: RUN_RECORD_KEY, value: JSON.stringify(record) }] }),
  });
  async function flush(): Promise<void> {
    await parquet.write({ columnData: columnsOf(group, keys), rowGroupSize: ROW_GROUP });
    total += group.length;
    group = [];
  }
  for await (const row of rows) {
    group.push(row);
    if (group.length === ROW_GROUP) {
      await flush();
    }
  }
  if (group.length > 0) {
    await flush();
  }
  await parquet.finish();
  return total;
}

function columnsOf(rows: readonly ScoreRow[], keys: readonly string[]) {
  const texts = (name: (typeof LEADING_COLUMNS | typeof TRAILING_COLUMNS)[number]) => ({
    name,
    type: 'STRING' as const,
    nullable: true,
    data: rows.map((row) => (row[name] === '' ? null : row[name])),
  });
  return [
    ...LEADING_COLUMNS.map(texts),
    ...keys.map((name) => ({
      name,
      type: 'DOUBLE' as const,
      nullable: true,
      data: rows.map(({ probabilities }) => probabilities.get(name) ?? null),
    })),
    ...TRAILING_COLUMNS.map(texts),
  ];
}
