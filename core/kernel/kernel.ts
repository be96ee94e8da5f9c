import { KERNEL_BASE64 } from './kernel-binary.js';

/** Of the platform's WebAssembly, what is used here; it is not among Node's types. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: object };
};

/** An address in the kernel's memory. */
export type Address = number;

/** Memory that a pass may keep; after an image that needed more, a new instance is made. */
const KEPT_BYTES = 64 * 1024 * 1024;
const PAGE_BYTES = 65536;
const ALIGNMENT = 16;

/** What the C sources export. */
interface KernelExports {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  readonly __heap_base: { readonly value: number };
  resample_plan(): Address;
  resample_feed(rows: Address, count: number): void;
  resample_mark(rows: Address, count: number, used: Address): void;
  jpegls_scan(): Address;
  jpegls_unstuff(from: Address, length: number, first: Address): number;
  jpegls_begin(): void;
  jpegls_rows(to: Address, count: number): number;
  jpeg2000_block(
    from: Address,
    bytes: number,
    clean: Address,
    band: number,
    width: number,
    height: number,
    planes: number,
    passes: number,
    skipped: number,
    step: number,
    to: Address,
    pitch: number,
  ): void;
  high_throughput_block(
    from: Address,
    bytes: number,
    clean: Address,
    width: number,
    height: number,
    planes: number,
    below: number,
    step: number,
    to: Address,
    pitch: number,
  ): number;
  lossless_scan(): Address;
  lossless_unstuff(from: Address, length: number, first: Address): number;
  lossless_rows(to: Address, count: number): number;
  plane_scale(
    values: Address,
    rows: number,
    columns: number,
    rowSums: Address,
    columnSums: Address,
    gain: number,
    offset: number,
  ): void;
  plane_bins(values: Address, count: number, bins: Address, counts: Address): void;
  plane_gather(
    values: Address,
    count: number,
    bins: Address,
    first: number,
    last: number,
    near: Address,
  ): number;
  plane_stretch(values: Address, count: number, gain: number, low: number, to: Address): void;
  plane_clip(values: Address, count: number, low: number, high: number, to: Address): void;
  plane_histogram(
    values: Address,
    count: number,
    bottom: number,
    scale: number,
    bins: Address,
    counts: Address,
  ): void;
  plane_levels(
    values: Address,
    count: number,
    gain: number,
    offset: number,
    to: Address,
    held: Address,
  ): void;
  plane_cells(values: Address, size: number, cells: number, starts: Address, sums: Address): void;
  rle_samples(runs: Address, segments: number, to: Address, count: number): number;
  samples_range(samples: Address, count: number, isSigned: number, to: Address): void;
  samples_hold(samples: Address, count: number, isSigned: number, low: number, high: number): void;
  wavelet_step(
    reversible: number,
    ll: Address,
    lh: Address,
    hl: Address,
    hh: Address,
    width: number,
    height: number,
    to: Address,
    scratch: Address,
  ): void;
  wavelet_samples(
    reversible: number,
    plane: Address,
    width: number,
    height: number,
    bits: number,
    isSigned: number,
    heldBits: number,
  ): number;
}

/**
 * The WebAssembly kernel during one pass over one image. Everything allocated is gone when the pass ends.
 * Views of the memory are void after the next `allocate`.
 */
export interface Kernel {
  readonly exports: KernelExports;
  /** Aligned to 16 bytes, contents undefined. Throws RangeError when memory is exhausted. */
  allocate(bytes: number): Address;
  bytes(at: Address, length: number): Uint8Array<ArrayBuffer>;
  int16(at: Address, length: number): Int16Array<ArrayBuffer>;
  uint16(at: Address, length: number): Uint16Array<ArrayBuffer>;
  int32(at: Address, length: number): Int32Array<ArrayBuffer>;
  uint32(at: Address, length: number): Uint32Array<ArrayBuffer>;
  float32(at: Address, length: number): Float32Array<ArrayBuffer>;
  float64(at: Address, length: number): Float64Array<ArrayBuffer>;
}

let module: object | undefined;
let idle: KernelExports | undefined;

/** Runs one pass, synchronously; the memory is reused by the next one. */
export function withKernel<T>(use: (kernel: Kernel) => T): T {
  const exports = idle ?? instantiate();
  // A pass inside a pass gets an instance of its own; one that throws is not used again.
  idle = undefined;
  const result = use(createKernel(exports));
  if (exports.memory.buffer.byteLength <= KEPT_BYTES) {
    idle = exports;
  }
  return result;
}

function createKernel(exports: KernelExports): Kernel {
  const { memory } = exports;
  let next = align(exports.__heap_base.value);
  return {
    exports,
    allocate(bytes) {
      const at = next;
      next = align(at + bytes);
      const missing = next - memory.buffer.byteLength;
      if (missing > 0) {
        memory.grow(Math.ceil(missing / PAGE_BYTES));
      }
      return at;
    },
    bytes: (at, length) => new Uint8Array(memory.buffer, at, length),
    int16: (at, length) => new Int16Array(memory.buffer, at, length),
    uint16: (at, length) => new Uint16Array(memory.buffer, at, length),
    int32: (at, length) => new Int32Array(memory.buffer, at, length),
    uint32: (at, length) => new Uint32Array(memory.buffer, at, length),
    float32: (at, length) => new Float32Array(memory.buffer, at, length),
    float64: (at, length) => new Float64Array(memory.buffer, at, length),
  };
}

function instantiate(): KernelExports {
  module ??= new WebAssembly.Module(Buffer.from(KERNEL_BASE64, 'base64'));
  return new WebAssembly.Instance(module).exports as unknown as KernelExports;
}

function align(address: number): number {
  return Math.ceil(address / ALIGNMENT) * ALIGNMENT;
}
