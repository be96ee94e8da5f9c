import { execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { inputFiles, parseInput, type OwnFiles } from './input-files.js';

let root: string;

beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'preread-walk-')));
});

afterEach(async () => {
  await rm(root, { recursive: true });
});

async function create(...paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    await mkdir(join(root, path, '..'), { recursive: true });
    await writeFile(join(root, path), '');
  }
}

/** Paths relative to the root, in the order of the walk; one that is unreadable ends in `!`. */
async function list(argument: string, own?: OwnFiles): Promise<string[]> {
  const input = await parseInput(join(root, argument));
  const found: string[] = [];
  for await (const { path, unreadable } of inputFiles(input ? [input] : [], own)) {
    found.push(relative(root, path) + (unreadable === undefined ? '' : '!'));
  }
  return found;
}

describe('a folder', () => {
  test('is walked to the bottom in the order of names, whatever the file system says', async () => {
    await create('b.dcm', 'a/2', 'a/10', 'a/b/c/deep', 'B.dcm', 'ä.dcm');
    expect(await list('.')).toEqual(['B.dcm', 'a/10', 'a/2', 'a/b/c/deep', 'b.dcm', 'ä.dcm']);
  });

  test('gives hidden files too: every file gets its row', async () => {
    await create('.hidden', '.git/x');
    expect(await list('.')).toEqual(['.git/x', '.hidden']);
  });

  test('with links that form a loop is walked once', async () => {
    await create('a/file');
    await symlink('..', join(root, 'a', 'up'));
    await symlink('a', join(root, 'again'));
    expect(await list('.')).toEqual(['a/file']);
  });

  test('gives linked files, and says of broken links and pipes that they cannot be read', async () => {
    await create('a');
    await symlink('a', join(root, 'b'));
    await symlink('nowhere', join(root, 'c'));
    execFileSync('mkfifo', [join(root, 'd')]);
    expect(await list('.')).toEqual(['a', 'b', 'c!', 'd!']);
  });

  test('leaves out what the run itself writes', async () => {
    await create('a', 'scores.csv', 'sub/scores.csv');
    expect(await list('.', new Set([join(root, 'scores.csv')]))).toEqual(['a', 'sub/scores.csv']);
  });

  test.skipIf(process.getuid?.() === 0)('that may not be read gets a row', async () => {
    await create('a/x', 'b');
    await chmod(join(root, 'a'), 0);
    expect(await list('.')).toEqual(['a!', 'b']);
    await chmod(join(root, 'a'), 0o700);
  });
});

describe('a DICOMDIR', () => {
  test('stands for the files of its folder and is not one of them', async () => {
    await create('DICOMDIR', 'IMAGES/IM1', 'IMAGES/IM0');
    expect(await list('DICOMDIR')).toEqual(['IMAGES/IM0', 'IMAGES/IM1']);
    expect(await list('.')).toEqual(['IMAGES/IM0', 'IMAGES/IM1']);
  });
});

describe('a glob', () => {
  test('matches within one level, or any number of levels', async () => {
    await create('a/1.dcm', 'a/2.png', 'a/b/3.dcm', '4.dcm');
    expect(await list('a/*.dcm')).toEqual(['a/1.dcm']);
    expect(await list('**/*.dcm')).toEqual(['4.dcm', 'a/1.dcm', 'a/b/3.dcm']);
    expect(await list('a/*.{dcm,png}')).toEqual(['a/1.dcm', 'a/2.png']);
  });

  test('that matches a folder gives all that is in it', async () => {
    await create('study1/x/1', 'study2/2', 'other/3');
    expect(await list('study*')).toEqual(['study1/x/1', 'study2/2']);
  });
});

describe('an argument', () => {
  test('with brackets is taken as it is when such a file exists', async () => {
    await create('scan[1].dcm', 'scan1.dcm');
    expect(await list('scan[1].dcm')).toEqual(['scan[1].dcm']);
  });

  test('that names nothing is undefined', async () => {
    expect(await parseInput(join(root, 'absent'))).toBeUndefined();
    expect(await parseInput(join(root, 'absent/*.dcm'))).toBeUndefined();
  });
});
