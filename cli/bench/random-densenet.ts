import { createHash } from 'node:crypto';

import { installModel } from '../../adapters/models/install-model.js';
import { readCatalogue } from '../../adapters/models/read-catalogue.js';
import { createClassifierSession } from '../../adapters/onnx/classifier-session.js';
import { encodeOnnx } from '../../adapters/onnx/onnx-file.js';
import { computeSelfTest } from '../../adapters/onnx/self-test.js';
import { recipeRange } from '../../core/inference/recipes/recipe.js';
import { modelManifestSchema } from '../../core/inference/model-manifest.js';
import { ownManifest } from '../../core/models/imported-manifest.js';
import { buildDenseNet } from '../../core/onnx/densenet.js';
import type { StateDict, Weights } from '../../core/pytorch/state-dict.js';
import { createRandom } from '../../scripts/phantom/random.js';

/** DenseNet121: layers of each block. Source: Huang et al. 2017, arXiv:1608.06993, table 1. */
const BLOCKS = [6, 12, 24, 16];
const GROWTH = 32;
const FINDINGS = 18;
const SIZE = 224;
const RECIPE = 'txrv-224@1';

/** A DenseNet121 of TorchXRayVision's shape with random weights, as an installed model. Returns its folder. */
export async function installRandomDenseNet(modelsDir: string): Promise<string> {
  const { model } = buildDenseNet(randomDenseNet(), { size: SIZE });
  const onnx = encodeOnnx(model);
  const sha256 = createHash('sha256').update(onnx).digest('hex');
  const labels = Array.from({ length: FINDINGS }, (_, index) => `Finding ${index + 1}`);
  const converted = {
    file: { path: '1.0.0/model.onnx', sha256, sizeBytes: onnx.length },
    channels: 1,
    origin: 'Random weights, for measuring speed.',
  } as const;
  const range = recipeRange(RECIPE);
  const own = { name: 'densenet121-random', labels, recipe: RECIPE, range, size: SIZE };
  const manifest = modelManifestSchema.parse(ownManifest(await readCatalogue(), own, converted));
  const session = await createClassifierSession({ bytes: onnx, manifest, provider: 'cpu' });
  try {
    const selfTest = await computeSelfTest(session, manifest);
    return await installModel(modelsDir, { manifest, onnx, selfTest }, { replace: true });
  } finally {
    await session.release();
  }
}

/** Scaled so that values neither vanish nor grow (He et al. 2015): denormal numbers would be slow. */
export function randomDenseNet(): StateDict {
  const random = createRandom('bench weights');
  const state = new Map<string, Weights>();
  const tensor = (name: string, shape: number[], value: () => number): void => {
    const length = shape.reduce((product, side) => product * side, 1);
    state.set(name, { shape, values: Float32Array.from({ length }, value) });
  };
  const conv = (name: string, outputs: number, inputs: number, side: number): void => {
    // Uniform noise between -a and a has the deviation a / sqrt 3.
    const amplitude = Math.sqrt(6 / (inputs * side * side));
    const shape = [outputs, inputs, side, side];
    tensor(`${name}.weight`, shape, () => random.between(-amplitude, amplitude));
  };
  const norm = (name: string, channels: number): void => {
    tensor(`${name}.weight`, [channels], () => 1);
    tensor(`${name}.bias`, [channels], () => 0);
    tensor(`${name}.running_mean`, [channels], () => 0);
    tensor(`${name}.running_var`, [channels], () => 1);
  };
  let channels = 2 * GROWTH;
  conv('features.conv0', channels, 1, 7);
  norm('features.norm0', channels);
  for (const [index, layers] of BLOCKS.entries()) {
    for (let layer = 1; layer <= layers; layer += 1) {
      const prefix = `features.denseblock${index + 1}.denselayer${layer}`;
      norm(`${prefix}.norm1`, channels);
      conv(`${prefix}.conv1`, 4 * GROWTH, channels, 1);
      norm(`${prefix}.norm2`, 4 * GROWTH);
      conv(`${prefix}.conv2`, GROWTH, 4 * GROWTH, 3);
      channels += GROWTH;
    }
    if (index < BLOCKS.length - 1) {
      norm(`features.transition${index + 1}.norm`, channels);
      conv(`features.transition${index + 1}.conv`, channels / 2, channels, 1);
      channels /= 2;
    }
  }
  norm('features.norm5', channels);
  tensor('classifier.weight', [FINDINGS, channels], () => random.between(-0.001, 0.001));
  tensor('classifier.bias', [FINDINGS], () => 0);
  return state;
}
