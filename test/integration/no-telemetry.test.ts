import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

import { expect, onTestFinished, test } from 'vitest';

import { packageRoot } from '../../adapters/process/package-info.js';

const RUNTIME = pathToFileURL(join(packageRoot, 'dist/adapters/onnx/runtime.js')).href;
const FOLDER = join(packageRoot, 'models/preread-cxr14');
const { file } = JSON.parse(readFileSync(join(FOLDER, 'manifest.json'), 'utf8')) as {
  file: { path: string };
};
const MODEL = join(FOLDER, file.path);

/** A program that computes one image and ends. */
const PROGRAM = `
  import { InferenceSession, Tensor } from ${JSON.stringify(RUNTIME)};
  const session = await InferenceSession.create(${JSON.stringify(MODEL)});
  const [{ name, shape }] = session.inputMetadata;
  const dims = shape.map((size) => (typeof size === 'number' ? size : 1));
  const values = new Float32Array(dims.reduce((a, b) => a * b));
  await session.run({ [name]: new Tensor('float32', values, dims) });
`;

test('the runtime leaves no identifier, no log and no report of its own on the machine', async () => {
  const home = await mkdtemp(join(tmpdir(), 'preread-home-'));
  onTestFinished(() => rm(home, { recursive: true }));
  // In CI the runtime is silent by itself.
  const { PATH } = process.env;
  const env = { PATH, HOME: home, TMPDIR: home, XDG_CACHE_HOME: home };
  await promisify(execFile)(process.execPath, ['--input-type=module', '-e', PROGRAM], { env });
  expect(await readdir(home, { recursive: true })).toEqual([]);
});
