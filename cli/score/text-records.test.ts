import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { readRecords, type TextRecord } from './text-records.js';

let folder: string;
let file: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'preread-records-'));
  file = join(folder, 'records');
});

afterAll(async () => {
  await rm(folder, { recursive: true });
});

async function read(content: string, quoted: boolean): Promise<TextRecord[]> {
  await writeFile(file, content);
  const records: TextRecord[] = [];
  for await (const record of readRecords(file, quoted)) {
    records.push(record);
  }
  return records;
}

test('records end at line ends outside of quotes, and a cut-off one is not given', async () => {
  expect(await read('a,b\n"c\nd",ä\ne,f', true)).toEqual([
    { text: 'a,b', end: 4 },
    { text: '"c\nd",ä', end: 13 },
  ]);
});

test('without quoting every line end ends a record', async () => {
  expect(await read('{"a":"\\""}\n{"b', false)).toEqual([{ text: '{"a":"\\""}', end: 11 }]);
});

test('a record that lies across the chunks of the file is given whole', async () => {
  const long = `"${'x\n'.repeat(100_000)}"`;
  const records = await read(`${long}\n${long}\n`, true);
  expect(records.map(({ text, end }) => [text === long, end])).toEqual([
    [true, long.length + 1],
    [true, 2 * long.length + 2],
  ]);
});
