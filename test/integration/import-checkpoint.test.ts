import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { InferenceSession, Tensor } from '../../adapters/onnx/runtime.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { decodeOnnx, encodeOnnx } from '../../adapters/onnx/onnx-file.js';
import { readCheckpoint } from '../../adapters/pytorch/read-checkpoint.js';
import { buildDenseNet } from '../../core/onnx/densenet.js';
import { runPreread } from '../support/preread-process.js';
import { describeWithData } from '../support/shared-data.js';

/** float32 sums in another order; the proof that is asked for is 1e-3. Measured: 1.2e-6. */
const RELATIVE_TOLERANCE = 1e-4;

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'preread-import-'));
});

afterAll(async () => {
  await rm(folder, { recursive: true });
});

describeWithData('txrv', 'checkpoints of TorchXRayVision', (data) => {
  interface Expected {
    readonly logits: readonly number[][];
    readonly cam?: readonly number[];
  }
  const expected = (name: string): Expected =>
    JSON.parse(readFileSync(join(data, name), 'utf8')) as Expected;
  const pixels = (): Float32Array => {
    const bytes = readFileSync(join(data, 'input-2x1x224x224.f32'));
    return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  };

  test.each([
    ['small-module-legacy.pt', 'small-expected.json'],
    ['small-module-zip.pt', 'small-expected.json'],
    ['small-state-dict-zip.pt', 'small-expected.json'],
    ['densenet121-module-legacy.pt', 'expected.json'],
  ])('%s computes what PyTorch computed', { timeout: 120_000 }, async (file, answers) => {
    const weights = await readCheckpoint(await readFile(join(data, file)));
    const { model, channels, findings } = buildDenseNet(weights, { size: 224 });
    expect({ channels, findings }).toEqual({ channels: 1, findings: 18 });
    const bytes = encodeOnnx(model);
    expect(encodeOnnx(decodeOnnx(bytes)).equals(bytes)).toBe(true);
    const session = await InferenceSession.create(bytes, { intraOpNumThreads: 1 });
    // Two images at once: the batch is free.
    const { logits, cams } = await session.run({
      image: new Tensor('float32', pixels(), [2, 1, 224, 224]),
    });
    await session.release();
    const { logits: wanted, cam } = expected(answers);
    expect(relativeDifference(logits, wanted.flat())).toBeLessThan(RELATIVE_TOLERANCE);
    if (cam !== undefined) {
      expect(cams?.dims).toEqual([2, 18, 7, 7]);
      expect(relativeDifference(cams, cam)).toBeLessThan(RELATIVE_TOLERANCE);
    }
  });

  test('outputs that are left out take no place', async () => {
    const weights = await readCheckpoint(await readFile(join(data, 'small-state-dict-zip.pt')));
    const { model } = buildDenseNet(weights, { size: 224, outputs: [2, 17] });
    const session = await InferenceSession.create(encodeOnnx(model));
    const { logits } = await session.run({
      image: new Tensor('float32', pixels().subarray(0, 224 * 224), [1, 1, 224, 224]),
    });
    await session.release();
    const all = expected('small-expected.json').logits[0] ?? [];
    expect(relativeDifference(logits, [all[2] ?? NaN, all[17] ?? NaN])).toBeLessThan(
      RELATIVE_TOLERANCE,
    );
  });

  test('a damaged file is refused, wherever it is cut or a storage is missing', async () => {
    for (const name of ['small-module-legacy.pt', 'small-module-zip.pt']) {
      const whole = await readFile(join(data, name));
      for (const share of [0.01, 0.3, 0.6, 0.9, 0.999]) {
        const cut = whole.subarray(0, Math.floor(whole.length * share));
        await expect(readCheckpoint(cut)).rejects.toMatchObject({ code: 'checkpoint-invalid' });
      }
    }
  });

  test('a zip file of another kind, or a compressed one, is refused', async () => {
    await writeFile(join(folder, 'data.txt'), 'hello');
    for (const [name, script] of [
      ['other.zip', "z.writestr('a/b.txt', 'x')"],
      ['packed.zip', "z.writestr('a/data.pkl', b'\\x80\\x02N.' * 1000, zipfile.ZIP_DEFLATED)"],
      [
        'script.zip',
        "z.writestr('a/data.pkl', b'\\x80\\x02N.'); z.writestr('a/constants.pkl', b'')",
      ],
    ] as const) {
      const path = join(folder, name);
      const code = `import zipfile\nwith zipfile.ZipFile('${path}', 'w') as z: ${script}`;
      execFileSync('python3', ['-c', code]);
      await expect(readCheckpoint(await readFile(path))).rejects.toMatchObject({
        code: 'checkpoint-invalid',
      });
    }
  });

  describe('preread models', () => {
    test('imports, verifies, chooses and removes', { timeout: 180_000 }, async () => {
      const models = join(folder, 'models');
      const preread = (...args: string[]) =>
        runPreread(['models', ...args, '--models-dir', models]);
      const imported = await preread(
        'import',
        join(data, 'densenet121-module-legacy.pt'),
        '--as',
        'nih',
      );
      expect(imported).toMatchObject({ exitCode: 0 });
      const manifest = JSON.parse(
        await readFile(join(models, 'densenet121-res224-nih', 'manifest.json'), 'utf8'),
      ) as { findings: { key: string; thresholds: object }[]; source: string };
      expect(manifest.findings).toHaveLength(14);
      expect(manifest.findings[1]).toMatchObject({
        key: 'Consolidation',
        thresholds: { published: 0.0034529066 },
        codes: [{ system: 'SCT', code: '95436008' }, {}, {}, {}],
      });
      expect(manifest.source).toMatch(/densenet121-module-legacy\.pt.*SHA-256 [0-9a-f]{64}/);
      expect((await readdir(models)).filter((name) => name.startsWith('.'))).toEqual([]);

      const again = await preread(
        'import',
        join(data, 'densenet121-module-legacy.pt'),
        '--as',
        'nih',
      );
      expect(again.exitCode).toBe(2);
      expect(again.output).toContain('--force replaces it');

      expect(await preread('verify', 'densenet121-res224-nih')).toMatchObject({
        exitCode: 0,
        output: expect.stringContaining('2 cases reproduced') as string,
      });
      expect((await preread('use', 'densenet121-res224-nih')).exitCode).toBe(0);
      expect((await preread('list')).output).toContain('* densenet121-res224-nih@1.0.0');
      expect((await preread('remove', 'densenet121-res224-nih')).exitCode).toBe(0);
      expect((await preread('list')).output).toContain('* preread-cxr14@');
      expect((await preread('remove', 'preread-cxr14')).exitCode).toBe(2);
    });
  });
});

function relativeDifference(tensor: Tensor | undefined, expected: readonly number[]): number {
  const values = tensor?.data as Float32Array;
  expect(values).toHaveLength(expected.length);
  const scale = Math.max(...expected.map(Math.abs));
  return (
    Math.max(...expected.map((value, index) => Math.abs((values[index] ?? NaN) - value))) / scale
  );
}
