import type { PixelHeader } from '../dicom/instance-header.js';
import type { GreyTable } from './presentation.js';
import { storedRange } from './presentation.js';
import type { Tone } from './tone.js';

/** In the order of their numbers in core/kernel/resample-plan.h. */
export const TONES = ['none', 'clamp', 'table'] as const;

const INT16 = { min: -32768, max: 32767 } as const;
const TABLE_STEPS = 65535;

/** What clamping does to a value that is lessened by the bias; see `Plan` in core/kernel/resample-plan.h. */
interface Clamp {
  readonly clampLow: number;
  readonly clampHigh: number;
  readonly centre: number;
  readonly scaleBits: number;
  readonly floor: number;
  readonly ceiling: number;
}

/**
 * A tone as 16-bit arithmetic: the kernel sums numbers q, and `unit * q + zero` is the value (stored, or grey
 * for a table) to which gain and offset apply.
 */
export type KernelTone = {
  /** Taken off stored values, or off their sums, so that they fit 16 signed bits. */
  readonly bias: number;
  readonly unit: number;
  readonly zero: number;
  readonly gain: number;
  readonly offset: number;
  /** Largest size of q. */
  readonly largest: number;
} & (
  | { readonly kind: 'none' }
  | { readonly kind: 'clamp'; readonly clamp: Clamp }
  | { readonly kind: 'table'; readonly table: Int16Array }
);

/** `excess` is what all stored values are too high, less than one in most cases. */
export function kernelTone(
  header: PixelHeader,
  tone: Tone,
  table: GreyTable | undefined,
  excess: number,
): KernelTone {
  const { min, max } = storedRange(header);
  const bias = max > INT16.max ? -INT16.min : 0;
  if (table !== undefined) {
    const zero = -INT16.min / TABLE_STEPS;
    const shape = { bias, unit: 1 / TABLE_STEPS, zero, gain: 1, offset: 0, largest: -INT16.min };
    return { kind: 'table', table: quantisedTable(table, excess), ...shape };
  }
  const { gain, offset } = 'gain' in tone ? tone : { gain: 1, offset: 0 };
  if (tone.kind !== 'clamped') {
    // Sums of small numbers leave room for finer weights.
    const middle = Math.ceil((min + max) / 2);
    const shape = { bias: middle, unit: 1, zero: middle - excess, largest: middle - min };
    return { kind: 'none', ...shape, gain, offset };
  }
  const ends = { low: tone.low + excess, high: tone.high + excess };
  const clamp = clampOf(ends, { min, max }, bias);
  const unit = 2 ** -clamp.scaleBits;
  const zero = clamp.centre + bias - excess;
  return { kind: 'clamp', clamp, bias, unit, zero, gain, offset, largest: -INT16.min };
}

/**
 * Clips to whole numbers outside the ends first, then, on as fine a scale as 16 bits allow, to the ends, which
 * lie between stored values.
 */
function clampOf(
  { low, high }: { readonly low: number; readonly high: number },
  range: { readonly min: number; readonly max: number },
  bias: number,
): Clamp {
  const clampLow = Math.max(range.min, Math.floor(low)) - bias;
  const clampHigh = Math.min(range.max, Math.ceil(high)) - bias;
  const centre = Math.ceil((clampLow + clampHigh) / 2);
  let scaleBits = 0;
  while (
    scaleBits < 14 &&
    (clampHigh - centre) * 2 ** (scaleBits + 1) <= INT16.max &&
    (clampLow - centre) * 2 ** (scaleBits + 1) >= INT16.min
  ) {
    scaleBits += 1;
  }
  const scaled = (value: number) =>
    Math.min(INT16.max, Math.max(INT16.min, Math.round((value - bias - centre) * 2 ** scaleBits)));
  return { clampLow, clampHigh, centre, scaleBits, floor: scaled(low), ceiling: scaled(high) };
}

/** By the low 16 bits of a stored value; grey 0 is the lowest number, 1 the highest. */
function quantisedTable({ firstStored, values }: GreyTable, excess: number): Int16Array {
  const table = new Int16Array(65536);
  const whole = Math.floor(excess);
  const share = excess - whole;
  const last = values.length - 1;
  for (let index = 0; index <= last; index += 1) {
    const upper = values[Math.max(0, index - whole)]!;
    const lower = share === 0 ? upper : values[Math.max(0, index - whole - 1)]!;
    const grey = upper + share * (lower - upper);
    table[(firstStored + index) & 0xffff] = Math.round(grey * TABLE_STEPS) + INT16.min;
  }
  return table;
}
