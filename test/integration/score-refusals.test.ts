import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { PREREAD, readCsv, useScoreBed, type ScoreBed } from '../support/score-bed.js';

const useBed = useScoreBed(20);
let folder: ScoreBed['folder'];
let model: ScoreBed['model'];
let otherModel: ScoreBed['otherModel'];
let preread: ScoreBed['preread'];
let score: ScoreBed['score'];
let out: string;

beforeAll(() => {
  ({ folder, model, otherModel, preread, score } = useBed());
});
beforeEach(() => {
  out = join(folder, 'scores.csv');
});

describe('what is refused', () => {
  beforeEach(async () => {
    out = join(folder, 'refused.csv');
    await rm(out, { force: true });
    expect(score('archive/image-000*.dcm', '--out', out).status).toBe(0);
  });

  async function refused(message: RegExp, ...args: readonly string[]): Promise<void> {
    const before = await readFile(out);
    const ran = preread(...args);
    expect(ran.stderr).toMatch(message);
    expect(ran.status).toBe(2);
    expect((await readFile(out)).equals(before)).toBe(true);
  }

  const again = (...more: readonly string[]): string[] => [
    'score',
    'archive/image-000*.dcm',
    '--out',
    out,
    ...more,
  ];

  test('an output that exists, unless told to overwrite or resume it', async () => {
    await refused(/exists: go on with --resume, or overwrite/, ...again('--model', model));
    expect(score('archive/image-0000.dcm', '--out', out, '--force').status).toBe(0);
    expect(await readCsv(out)).toHaveLength(1);
  });

  test('to resume with another model or other settings', async () => {
    await refused(/another model.name, model.sha256/, ...again('--model', otherModel, '--resume'));
    await refused(
      /another includeWithheld/,
      ...again('--model', model, '--include-withheld', '--resume'),
    );
  });

  test('rules that are not valid, with their line, and to resume under other rules', async () => {
    const rules = join(folder, 'rules.yaml');
    await writeFile(rules, 'rules:\n  - name: a\n    action: refuse\n');
    await refused(
      /line 2: rules\[0\]\.when: /,
      ...again('--model', model, '--rules', rules, '--force'),
    );
    await writeFile(
      rules,
      '{ "rules": [{ "name": "a", "action": "warn", "because": "Said so.", ' +
        '"when": { "attribute": "StationName", "exists": false } }] }',
    );
    await refused(/another siteRules/, ...again('--model', model, '--rules', rules, '--resume'));
  });

  test('to resume when the files are not those of the rows', async () => {
    await refused(
      /line 2 is not the row of the file/,
      'score',
      'archive/image-001*.dcm',
      '--out',
      out,
      '--model',
      model,
      '--resume',
    );
  });

  test('to resume an output of unknown making', async () => {
    await rm(`${out}.run.json`);
    await refused(
      /refused.csv.run.json, which says what made its rows, is missing/,
      ...again('--model', model, '--resume'),
    );
  });

  test('to write where another run writes', async () => {
    await writeFile(`${out}.lock`, `${(await import('node:os')).hostname()} ${process.pid}\n`);
    await refused(/Another run/, ...again('--model', model, '--resume'));
    await rm(`${out}.lock`);
  });

  test('an unknown model, a missing file, a wrong option', async () => {
    await refused(
      /There is no model "absent"/,
      'score',
      'archive',
      '--out',
      'x.csv',
      '--model',
      'absent',
    );
    await refused(
      /no file or folder nowhere/,
      'score',
      'nowhere',
      '--out',
      'x.csv',
      '--model',
      model,
    );
    await refused(
      /must end in .csv or .jsonl/,
      'score',
      'archive',
      '--out',
      'x.txt',
      '--model',
      model,
    );
    await refused(/whole number/, 'score', 'archive', '--out', 'x.csv', '--concurrency', '0');
    await refused(/required option/, 'score', 'archive');
    expect(existsSync(join(folder, 'x.csv'))).toBe(false);
  });
});

test('a folder without files is a failure', async () => {
  await mkdir(join(folder, 'empty'));
  const ran = score('empty', '--out', join(folder, 'nothing.csv'));
  expect(ran.status).toBe(1);
  expect(ran.stderr).toContain('There is no file');
});

test('a reader that closes the pipe ends the run', () => {
  const command = `'${process.execPath}' '${PREREAD}' score archive --out - --model '${model}' | head -n 2`;
  const ran = spawnSync('bash', ['-o', 'pipefail', '-c', command], {
    cwd: folder,
    encoding: 'utf8',
  });
  expect(ran.stdout.split('\n')).toHaveLength(3);
  expect(ran.stderr).not.toContain('Error');
  expect(ran.status).toBe(1);
});
