import { expect, test } from 'vitest';

import { tinyModel } from '../../test/support/tiny-model.js';
import { chooseWeights } from './choose-weights.js';
import type { ModelManifest } from './model-manifest.js';

const { manifest } = tinyModel();
const file = { path: '1.0.0/model.int8.onnx', sha256: 'b'.repeat(64), sizeBytes: 9 };

function withVariant(largest?: number): ModelManifest {
  const aurocDifference =
    largest === undefined ? undefined : { largest, mean: 0.001, images: 100, data: 'a test set' };
  return {
    ...manifest,
    variants: [{ precision: 'int8', file, selfTest: '1.0.0/self-test.int8.json', aurocDifference }],
  };
}

test('auto takes int8 where the processor gains and the evaluation allows it', () => {
  const choice = { precision: 'auto', fastInt8: true } as const;
  expect(chooseWeights(withVariant(0.005), choice)).toEqual({
    precision: 'int8',
    file,
    selfTest: '1.0.0/self-test.int8.json',
  });
  expect(chooseWeights(withVariant(0.0051), choice).precision).toBe('fp32');
  expect(chooseWeights(withVariant(), choice).precision).toBe('fp32');
  expect(chooseWeights(manifest, choice).file).toEqual(manifest.file);
  expect(chooseWeights(withVariant(0), { ...choice, fastInt8: false }).precision).toBe('fp32');
});

test('what is asked for is taken, or missed loudly', () => {
  expect(chooseWeights(withVariant(0), { precision: 'fp32', fastInt8: true }).file).toEqual(
    manifest.file,
  );
  const choice = { precision: 'int8', fastInt8: false } as const;
  expect(chooseWeights(withVariant(), choice).file).toEqual(file);
  expect(() => chooseWeights(manifest, choice)).toThrow('tiny@1.0.0 has no int8 form');
});
