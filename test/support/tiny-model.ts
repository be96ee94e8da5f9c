import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { ModelManifest } from '../../core/inference/model-manifest.js';
import { encodeOnnx } from '../../adapters/onnx/onnx-file.js';
import { floatTensor } from '../../core/onnx/onnx-model.js';

/** Side of the square patch that one cell of the class-activation map sees, in pixels. */
const PATCH = 16;

export interface TinyModelOptions {
  readonly name?: string;
  readonly version?: string;
  readonly size?: number;
  readonly channels?: 1 | 3;
  readonly recipe?: string;
  readonly range?: [number, number];
  readonly findings?: readonly string[];
  /** Findings of the graph, when it is to differ from the manifest. */
  readonly graphFindings?: number;
  readonly batch?: number | 'N';
}

export interface TinyModel {
  readonly manifest: ModelManifest;
  readonly onnx: Buffer;
}

/**
 * A model of one convolution, whose maps are averaged into the logits: finding f sees the mean of its
 * patches times (f + 1) / 1000, plus f / 10, so that a test can compute what it must answer.
 */
export function tinyModel({
  name = 'tiny',
  version = '1.0.0',
  size = 64,
  channels = 1,
  recipe = 'txrv-224@1',
  range = [-1024, 1024],
  findings = ['Effusion', 'Nodule', 'Cardiomegaly'],
  graphFindings = findings.length,
  batch = 'N',
}: TinyModelOptions = {}): TinyModel {
  const weights = new Float32Array(graphFindings * channels * PATCH * PATCH);
  for (let index = 0; index < weights.length; index += 1) {
    const finding = Math.floor(index / (channels * PATCH * PATCH));
    weights[index] = (finding + 1) / 1000 / (channels * PATCH * PATCH);
  }
  const cells = size / PATCH;
  const onnx = encodeOnnx({
    irVersion: 8,
    opset: 13,
    producer: 'test',
    graph: {
      name: 'test',
      nodes: [
        {
          op: 'Conv',
          inputs: ['image', 'weights', 'bias'],
          outputs: ['cams'],
          attributes: { kernel_shape: { ints: [PATCH, PATCH] }, strides: { ints: [PATCH, PATCH] } },
        },
        { op: 'GlobalAveragePool', inputs: ['cams'], outputs: ['pooled'] },
        {
          op: 'Flatten',
          inputs: ['pooled'],
          outputs: ['logits'],
          attributes: { axis: { int: 1 } },
        },
      ],
      initializers: [
        floatTensor('weights', [graphFindings, channels, PATCH, PATCH], weights),
        floatTensor(
          'bias',
          [graphFindings],
          Float32Array.from({ length: graphFindings }, (_, finding) => finding / 10),
        ),
      ],
      inputs: [{ name: 'image', shape: [batch, channels, size, size] }],
      outputs: [
        { name: 'logits', shape: [batch, graphFindings] },
        { name: 'cams', shape: [batch, graphFindings, cells, cells] },
      ],
    },
  });
  const manifest: ModelManifest = {
    schemaVersion: 1,
    name,
    version,
    title: 'A model for tests',
    licence: 'Apache-2.0',
    source: 'test/support/tiny-model.ts',
    trainingData: ['none'],
    intendedUse: 'Tests of the engine.',
    limitations: ['It knows nothing.'],
    file: {
      path: `${version}/model.onnx`,
      sha256: createHash('sha256').update(onnx).digest('hex'),
      sizeBytes: onnx.length,
    },
    input: { name: 'image', layout: 'NCHW', channels, height: size, width: size, range, recipe },
    outputs: { logits: 'logits', cams: 'cams' },
    operatingPoint: 'youden',
    findings: findings.map((key) => ({
      key,
      display: { en: key, vi: key },
      codes: [{ system: '99PREREAD', code: key.slice(0, 16), display: key }],
      thresholds: { youden: 0.5 },
      priority: 'urgent',
    })),
  };
  return { manifest, onnx };
}

/** Writes a model folder under `parent` and returns its path. */
export async function writeModelFolder(
  parent: string,
  { manifest, onnx }: TinyModel,
): Promise<string> {
  const folder = join(parent, manifest.name);
  await mkdir(join(folder, manifest.version), { recursive: true });
  await writeFile(join(folder, manifest.file.path), onnx);
  await writeFile(join(folder, 'manifest.json'), JSON.stringify(manifest, undefined, 2));
  return folder;
}
