import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { expect, onTestFinished, test } from 'vitest';

import { packageRoot } from '../../adapters/process/package-info.js';
import { writeGreyImages } from '../support/grey-images.js';

/** All that a run of `preread score` may need of dist/. */
const BUILT = ['cli/main.js', 'chunks', 'workers/inference/classifier-child.js'];

test('the bundles score an image without any other module of the build', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'preread-bundles-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  for (const path of ['bin', 'package.json', ...BUILT.map((name) => join('dist', name))]) {
    await mkdir(join(folder, path, '..'), { recursive: true });
    await cp(join(packageRoot, path), join(folder, path), { recursive: true });
  }
  for (const path of ['models', 'node_modules']) {
    await symlink(join(packageRoot, path), join(folder, path));
  }
  const [image = ''] = await writeGreyImages(folder, 1);
  const args = [join(folder, 'bin/preread.js'), 'score', image, '--out', '-', '--concurrency', '1'];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  expect(stdout.trim().split('\n')).toEqual([
    expect.stringMatching(/^file,outcome,/),
    expect.stringContaining(image),
  ]);
});

test('the licences of the packages in the bundles lie beside them', async () => {
  const licences = await readFile(join(packageRoot, 'dist/bundled-licences.txt'), 'utf8');
  for (const name of ['zod', 'commander', 'dicom-parser']) {
    expect(licences).toContain(`node_modules/${name}\n`);
  }
  expect(licences).toContain('Colin McDonnell');
});
