import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { packageRoot } from '../../adapters/process/package-info.js';
import { modelManifestSchema } from '../../core/inference/model-manifest.js';
import { writeGreyImages } from '../support/grey-images.js';
import { runPreread } from '../support/preread-process.js';
import { tinyModel, writeModelFolder } from '../support/tiny-model.js';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'preread-own-model-'));
});

afterAll(async () => {
  await rm(folder, { recursive: true });
});

test(
  'the manifest of the guide runs with a classifier of its shape',
  { timeout: 120_000 },
  async () => {
    const guide = await readFile(join(packageRoot, 'docs', 'bring-your-own-model.md'), 'utf8');
    const [, example = ''] = /```json\n([^]*?)```/.exec(guide) ?? [];
    const { onnx } = tinyModel({ size: 224, findings: ['Effusion', 'Nodule'] });
    const sha256 = createHash('sha256').update(onnx).digest('hex');
    const manifest = modelManifestSchema.parse(
      JSON.parse(
        example
          .replace('<sha256sum model.onnx>', sha256)
          .replace('"sizeBytes": 12345', `"sizeBytes": ${onnx.length}`),
      ),
    );
    const path = await writeModelFolder(folder, { manifest, onnx });
    const inFolder = { PREREAD_MODELS_DIR: folder };
    expect(await runPreread(['models', 'verify', path])).toMatchObject({ exitCode: 0 });
    expect(await runPreread(['models', 'use', 'my-model'], inFolder)).toMatchObject({
      exitCode: 0,
    });

    // No model is named: the chosen one scores.
    const images = await writeGreyImages(folder, 2);
    const out = join(folder, 'scores.csv');
    const scored = await runPreread(['score', ...images, '--out', out], inFolder);
    expect(scored).toMatchObject({ exitCode: 0 });
    expect(scored.output).toContain('my-model@1.0.0');
    const [header] = (await readFile(out, 'utf8')).split('\n');
    expect(header).toContain('Effusion,Nodule');
  },
);

test('what is wrong with a manifest is said at its field', async () => {
  const path = join(folder, 'my-model', 'manifest.json');
  const manifest = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
  await writeFile(path, JSON.stringify({ ...manifest, version: '1', operatingPoint: 7 }));
  const run = await runPreread(['models', 'verify', join(folder, 'my-model')]);
  expect(run.exitCode).toBe(2);
  expect(run.output).toMatch(/version: .*operatingPoint: /s);
  expect((await runPreread(['models', 'list', '--models-dir', folder])).output).toContain(
    'my-model  not usable',
  );
});
