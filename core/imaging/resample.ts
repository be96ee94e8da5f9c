import type { PixelHeader } from '../dicom/instance-header.js';
import type { Address, Kernel } from '../kernel/kernel.js';
import { withKernel } from '../kernel/kernel.js';
import type { AxisWeights } from './axis-weights.js';
import { extentOf, longestOf, weightSums } from './axis-weights.js';
import type { ImageRows, RowReader } from './image-rows.js';
import { kernelTone, TONES } from './kernel-tone.js';
import type { KernelTone } from './kernel-tone.js';
import type { GreyTable, StoredRange } from './presentation.js';
import { greyTableOf, rangeOfUsed, storedRange } from './presentation.js';
import { rowWeights } from './row-weights.js';
import type { RowWeights } from './row-weights.js';
import { columnWeights } from './column-weights.js';
import type { Tone } from './tone.js';
import { ramp } from './tone.js';

/** Rows are read about so many bytes at a time: they stay in the second-level cache until they are used up. */
const STRIP_BYTES = 128 * 1024;

/** Columns that the kernel sums at a time: rows of its memory have a multiple of them. */
const COLUMNS = 16;

/**
 * Shorter filters get both parts of their weights: that costs little, and one part would be coarse, because each weight is
 * larger and the roundings of few columns are averaged.
 */
const MIN_PHASED_TAPS = 9;

/** The fields of `Plan` in core/kernel/resample-plan.h, in their order. */
const PLAN_FIELDS = [
  'columns',
  'stride',
  'sampleBytes',
  'shiftUp',
  'shiftDown',
  'isSigned',
  'bias',
  'offset',
  'tone',
  'clampLow',
  'clampHigh',
  'centre',
  'scaleBits',
  'floor',
  'ceiling',
  'table',
  'ring',
  'ringPairs',
  'slotBytes',
  'pairs',
  'outputs',
  'output',
  'firstPairs',
  'pairCounts',
  'parts',
  'weights',
  'remainders',
  'units',
  'weight',
  'slots',
  'sums',
  'sumsStride',
  'columnOutputs',
  'columnStarts',
  'columnTaps',
  'columnWeights',
  'result',
  'min',
  'max',
] as const;

type Plan = Record<(typeof PLAN_FIELDS)[number], number>;

/** Applied last: gain * v + offset. */
export interface Scale {
  readonly gain: number;
  readonly offset: number;
}

export interface ResampleOptions {
  readonly tone: Tone;
  /** What stored values are too high. Default: 0. */
  readonly bias?: number;
  /** Applied to what the tone gives; where the filter saw zeros outside the image, they stay zeros. Default: none. */
  readonly scale?: Scale | undefined;
}

export interface Resampled {
  /** Shape: [vertical outputs, horizontal outputs], row-major; what the tone gives. */
  readonly values: Float64Array;
  /** Lowest and highest stored value of the part that was read. */
  readonly range: StoredRange;
}

/** What `resampleInto` leaves in the kernel's memory, float64. */
export interface ResampledPlane {
  readonly kernel: Kernel;
  readonly at: Address;
  readonly length: number;
  /** As that of `Resampled`. */
  readonly range: StoredRange;
}

/** `resample` whose result is used where it stands, and gone afterwards. */
export function resampleInto<T>(
  rows: ImageRows,
  horizontal: AxisWeights,
  vertical: AxisWeights,
  { tone, bias = 0, scale = { gain: 1, offset: 0 } }: ResampleOptions,
  use: (plane: ResampledPlane) => T,
): T {
  return withKernel((kernel) => {
    const table = tableOf(kernel, rows, tone);
    const steps = kernelTone(rows.header, tone, table, bias);
    const { at, range } = run(kernel, rows, horizontal, vertical, steps);
    const excess = tone.kind === 'own-range' ? bias : 0;
    const { gain, offset } = tone.kind === 'own-range' ? ownRamp(tone, range) : steps;
    scaleWeighted(kernel, at, [horizontal, vertical], {
      gain: scale.gain * (gain * steps.unit),
      offset: scale.gain * (offset + gain * (steps.zero + excess)) + scale.offset,
    });
    return use({ kernel, at, length: horizontal.weights.length * vertical.weights.length, range });
  });
}

/**
 * A separable filter over an image, in one pass over the rows that it needs: each is read, brought to its tone
 * where that does not commute with the filter, and added while it is in the cache. Weights count from
 * column 0 and row 0 of the image. By the WebAssembly kernel. Of exact rows, and where filters are short, sums are
 * exact to 2^-24 of the stored range, grey levels that go through a table or a clipping window to 2^-16. Other sums are
 * off by a share of each step from row to row: docs/pixels.md.
 */
export function resample(
  rows: ImageRows,
  horizontal: AxisWeights,
  vertical: AxisWeights,
  options: ResampleOptions,
): Resampled {
  return resampleInto(rows, horizontal, vertical, options, ({ kernel, at, length, range }) => ({
    values: kernel.float64(at, length).slice(),
    range,
  }));
}

/** gain * v + offset in place, where the filter may have lost weight outside the image. */
function scaleWeighted(
  kernel: Kernel,
  at: Address,
  [horizontal, vertical]: readonly [AxisWeights, AxisWeights],
  { gain, offset }: Scale,
): void {
  if (gain === 1 && offset === 0) {
    return;
  }
  const rowSums = putFloat64(kernel, weightSums(vertical));
  const columnSums = putFloat64(kernel, weightSums(horizontal));
  const { length: rows } = vertical.weights;
  const { length: columns } = horizontal.weights;
  kernel.exports.plane_scale(at, rows, columns, rowSums, columnSums, gain, offset);
}

function run(
  kernel: Kernel,
  rows: ImageRows,
  horizontal: AxisWeights,
  vertical: AxisWeights,
  tone: KernelTone,
): { readonly at: Address; readonly range: StoredRange } {
  const { format, width } = rows;
  const [firstColumn, endColumn] = extentOf(horizontal);
  const [firstRow, endRow] = extentOf(vertical);
  const plan = emptyPlan();
  plan.columns = endColumn - firstColumn;
  plan.stride = width * format.bytes;
  setFormat(plan, rows);
  setTone(kernel, plan, tone, rows.header);
  const long = [vertical, horizontal].every((axis) => longestOf(axis) >= MIN_PHASED_TAPS);
  const phased = long && rows.exact !== true;
  setRowWeights(kernel, plan, vertical, { firstRow, largest: tone.largest, phased });
  setColumnWeights(kernel, plan, horizontal);
  plan.result = kernel.allocate(8 * (plan.outputs + 1) * plan.columnOutputs);
  plan.min = 32767;
  plan.max = -32768;

  forEachStrip(kernel, rows, firstRow, endRow, (at, count, fresh) => {
    if (fresh) {
      writePlan(kernel, plan);
    }
    kernel.exports.resample_feed(at + firstColumn * format.bytes, count);
  });

  const written = readPlan(kernel);
  return {
    at: plan.result,
    range: { min: written.min + plan.bias, max: written.max + plan.bias },
  };
}

/** Reads the rows a strip at a time into one buffer. `fresh` is true for the first strip. */
function forEachStrip(
  kernel: Kernel,
  rows: ImageRows,
  firstRow: number,
  endRow: number,
  use: (at: Address, count: number, fresh: boolean) => void,
): void {
  const rowBytes = rows.width * rows.format.bytes;
  const stripRows = Math.max(2, 2 * Math.floor(STRIP_BYTES / rowBytes / 2));
  const reader: RowReader = rows.begin(kernel);
  // The kernel reads eight samples at a time, the last ones not beyond the row.
  const strip = kernel.allocate(stripRows * rowBytes);
  for (let row = firstRow; row < endRow; row += stripRows) {
    const count = Math.min(stripRows, endRow - row);
    reader.read(strip, row, count);
    use(strip, count, row === firstRow);
  }
  reader.end();
}

function tableOf(kernel: Kernel, rows: ImageRows, tone: Tone): GreyTable | undefined {
  return tone.kind === 'table'
    ? greyTableOf(rows.header, () => usedRangeOf(kernel, rows))
    : undefined;
}

/** A pass of its own: the padding of an image without a window becomes one of the ends. */
function usedRangeOf(kernel: Kernel, rows: ImageRows): StoredRange {
  const used = kernel.allocate(65536);
  kernel.bytes(used, 65536).fill(0);
  const plan = emptyPlan();
  plan.columns = rows.width;
  plan.stride = rows.width * rows.format.bytes;
  setFormat(plan, rows);
  forEachStrip(kernel, rows, 0, rows.height, (at, count, fresh) => {
    if (fresh) {
      writePlan(kernel, plan);
    }
    kernel.exports.resample_mark(at, count, used);
  });
  return rangeOfUsed(kernel.bytes(used, 65536), rows.header);
}

function ownRamp(tone: Extract<Tone, { kind: 'own-range' }>, { min, max }: StoredRange) {
  return min < max ? ramp(min, max, tone.falling) : { gain: 0, offset: tone.flat };
}

function emptyPlan(): Plan {
  return Object.fromEntries(PLAN_FIELDS.map((name) => [name, 0])) as Plan;
}

function setFormat(plan: Plan, { format }: ImageRows): void {
  plan.sampleBytes = format.bytes;
  plan.shiftUp = format.shiftUp;
  plan.shiftDown = format.shiftDown;
  plan.isSigned = format.signed ? 1 : 0;
}

function setTone(kernel: Kernel, plan: Plan, tone: KernelTone, header: PixelHeader): void {
  const { min, max } = storedRange(header);
  // Values that fit 16 signed bits as they are need not be touched one by one.
  const asStored = tone.kind === 'none' && min >= 0 && max <= 32767;
  plan.bias = asStored ? 0 : tone.bias;
  plan.offset = asStored ? tone.bias : 0;
  plan.tone = TONES.indexOf(tone.kind);
  if (tone.kind === 'clamp') {
    Object.assign(plan, tone.clamp);
  } else if (tone.kind === 'table') {
    plan.table = kernel.allocate(2 * 65536);
    kernel.int16(plan.table, 65536).set(tone.table);
  }
}

function setRowWeights(
  kernel: Kernel,
  plan: Plan,
  vertical: AxisWeights,
  options: Parameters<typeof rowWeights>[1],
): void {
  const packed = rowWeights(vertical, options);
  plan.outputs = vertical.weights.length;
  plan.firstPairs = putInt32(kernel, packed.firstPairs);
  plan.pairCounts = putInt32(kernel, packed.pairCounts);
  plan.parts = packed.parts;
  plan.weights = putInt16(kernel, packed.weights);
  plan.remainders = putInt16(kernel, packed.remainders);
  plan.units = putFloat64(kernel, packed.units);
  plan.slotBytes = 4 * COLUMNS * Math.ceil(plan.columns / COLUMNS);
  plan.ringPairs = ringPairsOf(packed);
  plan.ring = kernel.allocate(plan.ringPairs * plan.slotBytes);
  plan.slots = kernel.allocate(4 * plan.ringPairs);
}

/** Pairs of rows that are needed at a time: those of one output, or with one part of two. */
function ringPairsOf({ parts, firstPairs, pairCounts }: RowWeights): number {
  const together = 3 - parts;
  let most = 1;
  for (let output = 0; output < firstPairs.length; output += together) {
    const last = output + together - 1;
    most = Math.max(most, firstPairs[last]! + pairCounts[last]! - firstPairs[output]!);
  }
  return most;
}

function setColumnWeights(kernel: Kernel, plan: Plan, horizontal: AxisWeights): void {
  const { starts, taps, weights, singles } = columnWeights(horizontal);
  plan.columnOutputs = starts.length;
  plan.columnTaps = taps;
  plan.columnStarts = putInt32(kernel, starts);
  plan.columnWeights = plan.parts === 1 ? putFloat32(kernel, singles) : putFloat64(kernel, weights);
  // Weights of 0 may stand behind the last column: what they multiply must be a number.
  plan.sumsStride = COLUMNS * Math.ceil(plan.columns / COLUMNS) + plan.columnTaps;
  plan.sums = kernel.allocate(8 * plan.sumsStride);
  kernel.float64(plan.sums, plan.sumsStride).fill(0);
}

function writePlan(kernel: Kernel, plan: Plan): void {
  kernel
    .int32(kernel.exports.resample_plan(), PLAN_FIELDS.length)
    .set(PLAN_FIELDS.map((name) => plan[name]));
}

function readPlan(kernel: Kernel): Plan {
  const words = kernel.int32(kernel.exports.resample_plan(), PLAN_FIELDS.length);
  return Object.fromEntries(PLAN_FIELDS.map((name, index) => [name, words[index] ?? 0])) as Plan;
}

function putInt32(kernel: Kernel, values: Int32Array): Address {
  const at = kernel.allocate(values.byteLength);
  kernel.int32(at, values.length).set(values);
  return at;
}

function putFloat32(kernel: Kernel, values: Float32Array): Address {
  const at = kernel.allocate(values.byteLength);
  kernel.float32(at, values.length).set(values);
  return at;
}

function putFloat64(kernel: Kernel, values: Float64Array): Address {
  const at = kernel.allocate(values.byteLength);
  kernel.float64(at, values.length).set(values);
  return at;
}

function putInt16(kernel: Kernel, values: Int16Array): Address {
  const at = kernel.allocate(values.byteLength);
  kernel.int16(at, values.length).set(values);
  return at;
}
