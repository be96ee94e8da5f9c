import { createRequire } from 'node:module';

import { PipelineError } from '../../../core/errors.js';
import type { Codestream } from './codestream.js';

const require = createRequire(import.meta.url);

/** An instance's memory never shrinks: one that has grown beyond this is thrown away. Whole images of 2500 x 3000 stay below. */
const KEPT_MEMORY_BYTES = 256 * 1024 * 1024;

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
  /**
   * Puts the codestream into a decoder, has it read there by `read`, which may refuse it, runs `use` with what that
   * found, and frees the decoder. Throws `pixel-data-corrupt`, and what `codestream`, `read` and `use` throw.
   */
  withDecoder<Header, T>(
    codestream: Codestream,
    read: (encoded: Uint8Array) => Header,
    use: (decoder: Decoder, header: Header) => T,
  ): Promise<T>;
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

  function guarded<T>(run: () => T): T {
    try {
      return run();
    } catch (error) {
      loaded = undefined;
      throw error instanceof PipelineError
        ? error
        : new PipelineError('pixel-data-corrupt', 'The compressed image cannot be decoded.', {
            // emscripten throws the address of a C++ exception, a bare number.
            cause: error,
          });
    }
  }

  function forgetGrown({ buffer }: Uint8Array): void {
    if (buffer.byteLength > KEPT_MEMORY_BYTES) {
      loaded = undefined;
    }
  }

  return {
    async withDecoder(codestream, read, use) {
      loaded ??= loadClass(specifier, className) as Promise<new () => Decoder>;
      const DecoderClass = await loaded;
      const decoder = guarded(() => new DecoderClass());
      const encoded = guarded(() => decoder.getEncodedBuffer(codestream.length));
      let header: ReturnType<typeof read>;
      try {
        codestream.readInto(encoded, 0);
        header = read(encoded);
      } catch (error) {
        // Nothing has been decoded: the instance is sound.
        forgetGrown(encoded);
        decoder.delete();
        throw error;
      }
      return guarded(() => {
        const result = use(decoder, header);
        forgetGrown(decoder.getDecodedBuffer());
        decoder.delete();
        return result;
      });
    },
  };
}

async function loadClass(specifier: string, className: string): Promise<unknown> {
  const factory = require(specifier) as Factory;
  // Each module gets its own silent printers: the codecs print to the console otherwise.
  const module = await factory({ print() {}, printErr() {} });
  return module[className];
}
