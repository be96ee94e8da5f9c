import { expect, test } from 'vitest';

import {
  providersToTry,
  reasonOf,
  runtimeProviders,
  unavailableMessage,
} from './execution-providers.js';

const LINUX = { platform: 'linux', arch: 'x64' };

test('only auto falls back, to the CPU, which every machine has', () => {
  expect(providersToTry('auto')).toEqual(['cuda', 'cpu']);
  for (const choice of ['cuda', 'tensorrt', 'cpu'] as const) {
    expect(providersToTry(choice)).toEqual([choice]);
  }
});

test('what TensorRT cannot compile is computed by CUDA', () => {
  expect(runtimeProviders('tensorrt')).toEqual(['tensorrt', 'cuda']);
  expect(runtimeProviders('cuda')).toEqual(['cuda']);
});

test('a GPU that cannot be had is refused with the reason and the next step', () => {
  const message = unavailableMessage('cuda', 'no library', LINUX);
  expect(message).toContain('CUDA cannot be used here: no library. It needs an NVIDIA driver');
  expect(message).toContain('--onnxruntime-node-install=cuda12');
  expect(message).not.toContain('TensorRT');
  expect(unavailableMessage('tensorrt', 'no library', LINUX)).toContain('TensorRT 10');
});

test('no libraries are named for systems that have none', () => {
  const message = unavailableMessage('cuda', 'no library', { platform: 'darwin', arch: 'arm64' });
  expect(message).toContain('Linux on x64 only');
  expect(message).not.toContain('npm rebuild');
});

test("the runtime's own words are kept unless they only say that it has no such provider", () => {
  const missing = 'OrtSessionOptionsAppendExecutionProvider_Cuda: Failed to load shared library';
  expect(reasonOf(missing)).toBe('its libraries are not installed');
  expect(reasonOf('CUDA driver version is insufficient')).toBe(
    'CUDA driver version is insufficient',
  );
});
