import { z } from 'zod';

import { PRECISIONS, type ModelManifest } from './model-manifest.js';

/** How the processes of one machine are set up for one model. */
export const arrangementSchema = z.object({
  processes: z.int().min(1),
  /** Of each process. */
  threads: z.int().min(1),
  /** Number format that the weights have in it. */
  precision: z.enum(PRECISIONS),
  /** Images that a process computes at once. */
  maxBatch: z.int().min(1),
});
export type Arrangement = z.infer<typeof arrangementSchema>;

/** What `preread tune` found, for one machine. */
export const tuningSchema = z.object({
  schemaVersion: z.literal(1),
  machine: z.object({
    /** As the system names it. */
    processor: z.string(),
    /** That this program may use. */
    cores: z.int().min(1),
  }),
  /** By `weightsKey`. */
  models: z.record(
    z.string(),
    z.object({
      model: z.string(),
      executionProvider: z.string(),
      arrangement: arrangementSchema,
      imagesPerSecond: z.number(),
      /** ISO 8601. */
      measuredAt: z.string(),
    }),
  ),
});
export type Tuning = z.infer<typeof tuningSchema>;
export type Machine = Tuning['machine'];

/** The hashes of all forms of a model: one more or another, and what was the fastest may not be it any more. */
export function weightsKey({
  file,
  variants = [],
}: Pick<ModelManifest, 'file' | 'variants'>): string {
  return [file, ...variants.map((variant) => variant.file)].map(({ sha256 }) => sha256).join('+');
}

export function isSameMachine(a: Machine, b: Machine): boolean {
  return a.processor === b.processor && a.cores === b.cores;
}

/** Settings that say how the engine is set up; undefined where nobody has said it. */
export interface EngineSettings {
  readonly provider: string;
  readonly precision: string;
  readonly processes: number | undefined;
  readonly threads: number | undefined;
  readonly maxBatch: number | undefined;
}

export type TunedSettings =
  | { readonly kind: 'tuned'; readonly settings: EngineSettings }
  | { readonly kind: 'stale'; readonly reason: string };

/**
 * The settings with what was found in the place of what nobody has said. Processes and threads share the cores, so
 * they are taken together or not at all. Of the number formats only fp32 is taken over: `auto` knows best
 * whether int8 may be used, and tests it.
 */
export function applyTuning(
  settings: EngineSettings,
  { machine: tuned, models }: Tuning,
  machine: Machine,
  { file, variants }: Pick<ModelManifest, 'file' | 'variants'>,
): TunedSettings {
  if (!isSameMachine(tuned, machine)) {
    return {
      kind: 'stale',
      reason: `it was made on ${describe(tuned)}, and this is ${describe(machine)}`,
    };
  }
  const found = models[weightsKey({ file, variants })];
  if (found === undefined) {
    return { kind: 'stale', reason: 'it was made for other models' };
  }
  if (settings.provider !== 'auto' && settings.provider !== found.executionProvider) {
    return { kind: 'stale', reason: `it was made on ${found.executionProvider}` };
  }
  const { processes, threads, precision, maxBatch } = found.arrangement;
  const isSplitOpen = settings.processes === undefined && settings.threads === undefined;
  return {
    kind: 'tuned',
    settings: {
      provider: settings.provider,
      precision:
        settings.precision === 'auto' && precision === 'fp32' ? 'fp32' : settings.precision,
      ...(isSplitOpen
        ? { processes, threads }
        : { processes: settings.processes, threads: settings.threads }),
      maxBatch: settings.maxBatch ?? maxBatch,
    },
  };
}

function describe({ processor, cores }: Machine): string {
  return `${processor} with ${cores} ${cores === 1 ? 'core' : 'cores'}`;
}

/**
 * Ways to split the cores: one process a core; as many threads in one process; and, from four cores on, half as many
 * processes with one thread (where two cores share the arithmetic of one) or two.
 */
export function coreSplits(cores: number): readonly Pick<Arrangement, 'processes' | 'threads'>[] {
  const half = Math.floor(cores / 2);
  return [
    { processes: cores, threads: 1 },
    ...(cores > 1 ? [{ processes: 1, threads: cores }] : []),
    ...(cores >= 4
      ? [
          { processes: half, threads: 1 },
          { processes: half, threads: 2 },
        ]
      : []),
  ];
}

/** Ways to feed a card: processes that decode for it share it. */
export function cardFeeders(cores: number): readonly Pick<Arrangement, 'processes' | 'threads'>[] {
  return [1, 2, 4, cores]
    .filter((processes, at, all) => processes <= cores && all.indexOf(processes) === at)
    .map((processes) => ({ processes, threads: 1 }));
}

export interface Measured {
  readonly arrangement: Arrangement;
  /** The best of its windows: other programs only take away. */
  readonly imagesPerSecond: number;
}

/** A gain below this is noise, and the default is kept. */
const LEAST_GAIN = 0.03;

/** The fastest, unless the first one, which is what is used without tuning, is as good. Throws RangeError for none. */
export function fastest(measured: readonly Measured[]): Measured {
  const [first] = measured;
  if (first === undefined) {
    throw new RangeError('nothing was measured');
  }
  const best = measured.reduce((a, b) => (b.imagesPerSecond > a.imagesPerSecond ? b : a));
  return best.imagesPerSecond > first.imagesPerSecond * (1 + LEAST_GAIN) ? best : first;
}
