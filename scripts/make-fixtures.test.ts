import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import dicomParser from 'dicom-parser';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { fixturesCommand, writeFixtures } from './make-fixtures.js';

describe('make-fixtures', () => {
  let out: string;
  beforeEach(async () => {
    out = await mkdtemp(path.join(tmpdir(), 'preread-fixtures-'));
  });
  afterEach(() => rm(out, { recursive: true }));

  it('writes one folder a study and one file a view, in the asked size and syntax', async () => {
    const written: string[] = [];
    await writeFixtures({ out, count: 2, size: 64, seed: 'x', syntax: 'implicit' }, (file) => {
      written.push(path.relative(out, file));
    });
    expect(written).toEqual(['001-normal/pa.dcm', '001-normal/ll.dcm', '002-effusion/pa.dcm']);
    expect((await readdir(out)).sort()).toEqual(['001-normal', '002-effusion']);
    const file = dicomParser.parseDicom(await readFile(path.join(out, '002-effusion/pa.dcm')));
    expect(file.string('x00020010')).toBe('1.2.840.10008.1.2');
    expect(file.uint16('x00280010')).toBe(64);
  });

  it('refuses a size that is no image and a syntax that it does not write', async () => {
    const run = (...args: string[]): Promise<unknown> =>
      fixturesCommand()
        .exitOverride()
        .configureOutput({ writeErr: () => undefined })
        .parseAsync(['--out', out, ...args], { from: 'user' });
    await expect(run('--size', '9')).rejects.toThrow(/from 64 to 4096/);
    await expect(run('--syntax', 'jpeg-2000')).rejects.toThrow(/Allowed choices/);
    expect(await readdir(out)).toEqual([]);
  });
});
