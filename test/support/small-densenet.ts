import { seededRandom } from '../../core/evaluation/seeded-random.js';
import type { StateDict, Weights } from '../../core/pytorch/state-dict.js';

/** Side of the input of the small network, in pixels. */
export const SMALL_SIZE = 64;

const GROWTH = 8;
const INIT = 16;
const BLOCKS = [2, 2];
const OUTPUTS = 3;

/** A DenseNet of two short blocks with weights drawn at random, scaled as an initialisation would be. */
export function smallDenseNet(seed = 1): StateDict {
  const random = seededRandom(seed);
  const state = new Map<string, Weights>();
  const add = (name: string, shape: readonly number[], value: () => number): void => {
    const count = shape.reduce((product, size) => product * size, 1);
    state.set(name, { shape, values: Float32Array.from({ length: count }, value) });
  };
  const conv = (name: string, shape: readonly [number, number, number, number]): void => {
    const spread = Math.sqrt(6 / (shape[1] * shape[2] * shape[3]));
    add(`${name}.weight`, shape, () => spread * (2 * random() - 1));
  };
  const norm = (name: string, channels: number): void => {
    add(`${name}.weight`, [channels], () => 0.5 + random());
    add(`${name}.bias`, [channels], () => random() - 0.5);
    add(`${name}.running_mean`, [channels], () => random() - 0.5);
    add(`${name}.running_var`, [channels], () => 0.5 + random());
  };

  conv('features.conv0', [INIT, 1, 7, 7]);
  norm('features.norm0', INIT);
  let channels = INIT;
  for (const [index, layers] of BLOCKS.entries()) {
    for (let layer = 1; layer <= layers; layer += 1) {
      const prefix = `features.denseblock${index + 1}.denselayer${layer}`;
      norm(`${prefix}.norm1`, channels);
      conv(`${prefix}.conv1`, [2 * GROWTH, channels, 1, 1]);
      norm(`${prefix}.norm2`, 2 * GROWTH);
      conv(`${prefix}.conv2`, [GROWTH, 2 * GROWTH, 3, 3]);
      channels += GROWTH;
    }
    if (index < BLOCKS.length - 1) {
      norm(`features.transition${index + 1}.norm`, channels);
      conv(`features.transition${index + 1}.conv`, [channels / 2, channels, 1, 1]);
      channels /= 2;
    }
  }
  norm('features.norm5', channels);
  add('classifier.weight', [OUTPUTS, channels], () => random() - 0.5);
  add('classifier.bias', [OUTPUTS], () => random() - 0.5);
  return state;
}

/** Smooth random images in the range that the network is fed with. Shape: [1, 1, SMALL_SIZE, SMALL_SIZE]. */
export function randomImages(count: number, seed = 7): Float32Array[] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, () => {
    const [a, b, c] = [random() * 6, random() * 6, random() * 1_000];
    return Float32Array.from({ length: SMALL_SIZE * SMALL_SIZE }, (_, index) => {
      const [x, y] = [
        (index % SMALL_SIZE) / SMALL_SIZE,
        Math.floor(index / SMALL_SIZE) / SMALL_SIZE,
      ];
      return c * Math.sin(a * x + b * y) + 100 * (random() - 0.5);
    });
  });
}
