import { expect, test } from 'vitest';

import { PROVIDER_CHOICES, providersToTry } from './execution-providers.js';

test('every choice ends at the CPU, which every machine has', () => {
  for (const choice of PROVIDER_CHOICES) {
    expect(providersToTry(choice).at(-1)).toBe('cpu');
  }
});

test('TensorRT is tried only when it is asked for', () => {
  expect(providersToTry('auto')).toEqual(['cuda', 'cpu']);
  expect(providersToTry('tensorrt')[0]).toBe('tensorrt');
});
