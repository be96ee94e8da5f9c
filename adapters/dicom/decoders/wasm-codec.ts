import { createRequire } from 'node:module';

import { PipelineError } from '../../../core/errors.js';

const require = createRequire(import.meta.url);

export interface FrameInfo {
  readonly width: number;
  readonly height: number;
  readonly bitsPerSample: number;
  readonly componentCount: number;
  readonly isSigned: boolean;
}

/** The embind object that the cornerstone codecs have in common. Its buffers are views of WASM memory. */
export interface WasmDecoder {
  getEncodedBuffer(byteLength: number): Uint8Array;
  decode(): void;
  getFrameInfo(): FrameInfo;
  getDecodedBuffer(): Uint8Array;
  delete(): void;
}

type Factory = (overrides: object) => Promise<Readonly<Record<string, unknown>>>;

export interface WasmCodec<Decoder extends WasmDecoder> {
  /** Runs `use` on a decoder that holds the codestream, and frees it. Throws `pixel-data-corrupt`. */
  withDecoder<T>(codestream: Uint8Array, use: (decoder: Decoder) => T): Promise<T>;
}

/**
 * An emscripten codec, loaded at first use. After a failure the instance is thrown away: an exception in
 * the middle of a C++ decoder leaks what it held, and an abort leaves the instance unusable.
 */
export function createWasmCodec<Decoder extends WasmDecoder>(
  specifier: string,
  className: string,
): WasmCodec<Decoder> {
  let loaded: Promise<new () => Decoder> | undefined;
  return {
    async withDecoder(codestream, use) {
      loaded ??= loadClass(specifier, className) as Promise<new () => Decoder>;
      const DecoderClass = await loaded;
      try {
        const decoder = new DecoderClass();
        decoder.getEncodedBuffer(codestream.length).set(codestream);
        const result = use(decoder);
        decoder.delete();
        return result;
      } catch (error) {
        loaded = undefined;
        throw error instanceof PipelineError
          ? error
          : new PipelineError('pixel-data-corrupt', 'The compressed image cannot be decoded.', {
              // emscripten throws the address of a C++ exception, a bare number.
              cause: error,
            });
      }
    },
  };
}

async function loadClass(specifier: string, className: string): Promise<unknown> {
  const factory = require(specifier) as Factory;
  // Each module gets its own silent printers: the codecs print to the console otherwise.
  const module = await factory({ print() {}, printErr() {} });
  return module[className];
}
