import { createWriteStream } from 'node:fs';
import { once } from 'node:events';

import type { RowFormat } from '../score/row-format.js';
import { scoreInOrder } from '../score/score-in-order.js';
import type { OpenClassifier } from '../../workers/inference/open-classifier.js';
import type { BarePool, BareWork } from './bare-pool.js';
import type { BenchInput } from './bench-inputs.js';
import { readCpuUsage } from './cpu-usage.js';
import { median } from './statistics.js';

/** A window in which other processes take more than this is measured again. Unit: cores. */
const NOISE_LIMIT_CORES = 0.1;

export interface BenchOptions {
  readonly rounds: number;
  readonly windowMs: number;
  /** How often a window is tried that others disturb; the quietest one counts. */
  readonly attempts: number;
  /** Where rows go, as in a real run. */
  readonly rowsPath: string;
}

/** One side of one pair. */
export interface Window {
  readonly imagesPerSecond: number;
  readonly cpuMsPerImage: number;
  readonly otherCores: number;
}

/** The three things that are compared, measured one after the other. */
export interface Round {
  readonly infer: Window;
  readonly preprocess: Window;
  readonly score: Window;
}

export interface InputResult {
  readonly name: string;
  readonly rounds: readonly Round[];
  /** Milliseconds of one image, medians, as the children timed them while all of them worked. */
  readonly stages: {
    readonly readMs: number;
    readonly decodeMs: number;
    readonly preprocessMs: number;
    readonly inferMs: number;
  };
}

/**
 * Interleaved windows on the same images: inference alone, all that comes before it alone, and the whole way
 * from file to row. Undefined when no image can be prepared.
 */
export async function measureInput(
  input: BenchInput,
  bare: BarePool,
  { classifier }: OpenClassifier,
  format: RowFormat,
  options: BenchOptions,
): Promise<InputResult | undefined> {
  if ((await bare.prepare(input.paths)) === 0) {
    return undefined;
  }
  const rows = createWriteStream(options.rowsPath);
  const timings: Record<keyof InputResult['stages'], number[]> = {
    readMs: [],
    decodeMs: [],
    preprocessMs: [],
    inferMs: [],
  };

  async function scoreWindow(): Promise<number> {
    const stop = new AbortController();
    const timer = setTimeout(() => {
      stop.abort();
    }, options.windowMs);
    let images = 0;
    for await (const scored of scoreInOrder(endless(input.paths), classifier, stop.signal)) {
      if (!rows.write(format.write(scored))) {
        await once(rows, 'drain');
      }
      const { classification } = scored;
      // Files that no decoder takes are not counted: they cost no inference.
      if (classification.kind === 'scored') {
        images += 1;
        for (const [stage, values] of Object.entries(timings)) {
          values.push(classification.timings[stage as keyof InputResult['stages']]);
        }
      }
    }
    clearTimeout(timer);
    return images;
  }

  const rounds: Round[] = [];
  await scoreWindow();
  await bare.measure('infer', options.windowMs / 4);
  for (const values of Object.values(timings)) {
    values.splice(0);
  }
  const bareWindow = (work: BareWork): Promise<Window> =>
    quietWindow(options.attempts, bare.processIds, () => bare.measure(work, options.windowMs));
  for (let round = 0; round < options.rounds; round += 1) {
    const infer = await bareWindow('infer');
    const preprocess = await bareWindow('preprocess');
    const own = [process.pid, ...classifier.processIds];
    const score = await quietWindow(options.attempts, own, scoreWindow);
    rounds.push({ infer, preprocess, score });
  }
  rows.end();
  await once(rows, 'close');
  return {
    name: input.name,
    rounds,
    stages: {
      readMs: median(timings.readMs),
      decodeMs: median(timings.decodeMs),
      preprocessMs: median(timings.preprocessMs),
      inferMs: median(timings.inferMs),
    },
  };
}

/** The quietest of a few windows, or the first one that is quiet. */
async function quietWindow(
  attempts: number,
  pids: readonly number[],
  work: () => Promise<number>,
): Promise<Window> {
  let best: Window | undefined;
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const window = await timeWindow(pids, work);
    if (best === undefined || window.otherCores < best.otherCores) {
      best = window;
    }
    if (best.otherCores <= NOISE_LIMIT_CORES) {
      break;
    }
  }
  if (best === undefined) {
    throw new Error('unreachable: there is at least one attempt');
  }
  return best;
}

async function timeWindow(pids: readonly number[], work: () => Promise<number>): Promise<Window> {
  const before = readCpuUsage(pids);
  const startMs = performance.now();
  const images = await work();
  const seconds = (performance.now() - startMs) / 1000;
  const after = readCpuUsage(pids);
  const ownSeconds = after.ownSeconds - before.ownSeconds;
  const busySeconds = after.busySeconds - before.busySeconds;
  return {
    imagesPerSecond: images / seconds,
    cpuMsPerImage: (ownSeconds * 1000) / images,
    otherCores: Math.max(0, (busySeconds - ownSeconds) / seconds),
  };
}

async function* endless(paths: readonly string[]): AsyncGenerator<{ path: string }> {
  for (;;) {
    for (const path of paths) {
      yield await Promise.resolve({ path });
    }
  }
}
