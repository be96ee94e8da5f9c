import { expect, test } from 'vitest';

import { PipelineError } from '../../../core/errors.js';
import { createWasmCodec } from './wasm-codec.js';

const codec = createWasmCodec('@cornerstonejs/codec-openjph/wasmjs', 'HTJ2KDecoder');

/** The memory of the instance that reads so many bytes, which are refused. */
async function refusingMemory(length: number): Promise<unknown> {
  let memory: unknown;
  const codestream = {
    length,
    bytes: () => new Uint8Array(length),
    readInto: () => undefined,
  };
  const read = (encoded: Uint8Array) => {
    memory = encoded.buffer;
    expect(encoded).toHaveLength(length);
    throw new PipelineError('pixel-data-corrupt');
  };
  await expect(codec.withDecoder(codestream, read, () => undefined)).rejects.toThrow(PipelineError);
  return memory;
}

test('an instance is used again after what it refused, unless that was so large that it has grown', async () => {
  const first = await refusingMemory(1_000);
  expect(await refusingMemory(1_000)).toBe(first);
  const grown = await refusingMemory(300 * 1024 * 1024);
  const fresh = await refusingMemory(1_000);
  expect(fresh).not.toBe(grown);
  expect((fresh as ArrayBuffer).byteLength).toBeLessThan(256 * 1024 * 1024);
});
