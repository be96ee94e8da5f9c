import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { tinyModel, writeModelFolder } from '../../test/support/tiny-model.js';
import { modelSearchPath } from './find-model.js';
import { loadModel, readModelFolder } from './load-model.js';

let parent: string;
let folder: string;
const model = tinyModel();

beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'preread-models-'));
  folder = await writeModelFolder(parent, model);
});

afterEach(async () => {
  await rm(parent, { recursive: true });
});

async function writeManifest(changes: Readonly<Record<string, unknown>>): Promise<void> {
  const json = JSON.stringify({ ...model.manifest, ...changes });
  await writeFile(join(folder, 'manifest.json'), json);
}

test('a model is found by its name, by its folder and by its manifest', async () => {
  for (const name of ['tiny', folder, join(folder, 'manifest.json')]) {
    const found = await readModelFolder(name, modelSearchPath(parent));
    expect(found).toEqual({ folder, manifest: model.manifest });
  }
});

test("the site's folder is searched before the shipped models", () => {
  const [first, second] = modelSearchPath(parent);
  expect(first).toBe(parent);
  expect(second).toMatch(/models$/);
});

test('a model that does not exist is reported with the places that were searched', async () => {
  await expect(loadModel('absent', [parent])).rejects.toMatchObject({
    code: 'model-not-found',
    message: `There is no model "absent" in ${parent}. "preread models list" says what there is.`,
  });
  await expect(loadModel(parent, [])).rejects.toMatchObject({ code: 'model-not-found' });
});

test('loading gives the bytes that the manifest describes', async () => {
  const loaded = await loadModel('tiny', [parent]);
  expect(Buffer.from(loaded.bytes).equals(model.onnx)).toBe(true);
  expect(loaded.selfTest).toBeUndefined();
});

test('weights of another size or with another hash are refused', async () => {
  const path = join(folder, model.manifest.file.path);
  const changed = Buffer.from(model.onnx);
  changed[changed.length - 1] = 99;
  await writeFile(path, changed);
  await expect(loadModel('tiny', [parent])).rejects.toMatchObject({ code: 'model-hash-mismatch' });
  await writeFile(path, model.onnx.subarray(1));
  await expect(loadModel('tiny', [parent])).rejects.toMatchObject({
    code: 'model-hash-mismatch',
    message: expect.stringContaining(`has ${model.onnx.length - 1} bytes`) as string,
  });
  await rm(path);
  await expect(loadModel('tiny', [parent])).rejects.toMatchObject({ code: 'model-not-found' });
});

test('each problem of a manifest is reported at its field', async () => {
  const [first, ...others] = model.manifest.findings;
  await writeManifest({
    version: '1.0',
    input: { ...model.manifest.input, channels: 2 },
    findings: [{ ...first, thresholds: { other: 0.5 } }, ...others],
  });
  const error = await readModelFolder('tiny', [parent]).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: 'model-manifest-invalid' });
  const { message } = error as Error;
  expect(message).toContain(join(folder, 'manifest.json'));
  expect(message).toContain('version: ');
  expect(message).toContain('input.channels: ');

  await writeManifest({ findings: [{ ...first, thresholds: { other: 0.5 } }, ...others] });
  await expect(readModelFolder('tiny', [parent])).rejects.toThrow(
    'findings[0].thresholds: no threshold for the operating point youden',
  );
});

test('a manifest that is not JSON is refused', async () => {
  await writeFile(join(folder, 'manifest.json'), '{ "name": ');
  await expect(readModelFolder('tiny', [parent])).rejects.toMatchObject({
    code: 'model-manifest-invalid',
    message: expect.stringContaining('is not JSON') as string,
  });
});

test('a self-test must have one logit for each finding', async () => {
  const input = { pattern: 'waves', cyclesX: 1, cyclesY: 1 };
  const selfTest = {
    schemaVersion: 1,
    tolerance: 1e-3,
    cases: [{ name: 'a', input, logits: [0] }],
  };
  await writeFile(join(folder, 'self-test.json'), JSON.stringify(selfTest));
  await expect(loadModel('tiny', [parent])).rejects.toThrow('cases[0].logits: expected 3 values');
  selfTest.cases[0]?.logits.push(0.1, 0.2);
  await writeFile(join(folder, 'self-test.json'), JSON.stringify(selfTest));
  expect((await loadModel('tiny', [parent])).selfTest).toEqual(selfTest);
});
