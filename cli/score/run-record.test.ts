import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { readRunRecord, recordDifferences, writeRunRecord, type RunRecord } from './run-record.js';

const record: RunRecord = {
  schemaVersion: 1,
  softwareVersion: '1.0.0',
  model: {
    name: 'm',
    version: '1.0.0',
    sha256: 'a'.repeat(64),
    recipe: 'r@1',
    operatingPoint: 'youden',
    precision: 'fp32',
    executionProvider: 'cpu',
  },
  settings: { format: 'csv', includeWithheld: false },
};

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'preread-record-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

test('a record is read back as it was written, and leaves nothing else behind', async () => {
  await writeRunRecord(join(folder, 'r.json'), record);
  expect(await readRunRecord(join(folder, 'r.json'))).toEqual(record);
  expect(await readdir(folder)).toEqual(['r.json']);
});

test('a record that is missing or damaged is none', async () => {
  expect(await readRunRecord(join(folder, 'absent'))).toBeUndefined();
  await writeFile(join(folder, 'r.json'), '{"schemaVersion":1');
  expect(await readRunRecord(join(folder, 'r.json'))).toBeUndefined();
});

test('differences are named by their field', () => {
  expect(recordDifferences(record, structuredClone(record))).toEqual([]);
  const other: RunRecord = {
    ...record,
    softwareVersion: '1.0.1',
    model: { ...record.model, sha256: 'b'.repeat(64) },
    settings: { format: 'csv', decode: 'full' },
  };
  expect(recordDifferences(record, other)).toEqual([
    'softwareVersion',
    'model.sha256',
    'includeWithheld',
    'decode',
  ]);
});
