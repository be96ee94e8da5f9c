import { createWriteStream } from 'node:fs';
import { once } from 'node:events';

import type { RowFormat } from '../../cli/score/row-format.js';
import { scoreInOrder } from '../../cli/score/score-in-order.js';
import type { OpenClassifier } from '../../workers/inference/open-classifier.js';
import type { BarePool } from './bare-pool.js';
import type { BenchInput } from './bench-inputs.js';
import { readCpuUsage } from './cpu-usage.js';
import { median } from './statistics.js';

/** A window in which other processes take more than this is measured again. Unit: cores. */
const NOISE_LIMIT_CORES = 0.1;

export interface BenchOptions {
  readonly pairs: number;
  readonly windowMs: number;
  /** How often a window is tried that others disturb; the quietest one counts. */
  readonly attempts: number;
  /** Where rows go, as in a real run. */
  readonly rowsPath: string;
}

/** One side of one pair. */
interface Window {
  readonly imagesPerSecond: number;
  readonly cpuMsPerImage: number;
  readonly otherCores: number;
}

export interface InputResult {
  readonly name: string;
  readonly pairs: readonly { readonly bare: Window; readonly score: Window }[];
  /** Milliseconds of one image, medians, as the children timed them while all of them worked. */
  readonly stages: {
    readonly readMs: number;
    readonly decodeMs: number;
    readonly preprocessMs: number;
    readonly inferMs: number;
  };
}

/** Interleaved pairs of windows: bare runs, then the whole way from file to row, on the same images. */
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

  const pairs: { bare: Window; score: Window }[] = [];
  await scoreWindow();
  await bare.measure(options.windowMs / 4);
  for (const values of Object.values(timings)) {
    values.splice(0);
  }
  for (let pair = 0; pair < options.pairs; pair += 1) {
    const bareWindow = await quietWindow(options.attempts, bare.processIds, () =>
      bare.measure(options.windowMs),
    );
    const own = [process.pid, ...classifier.processIds];
    pairs.push({ bare: bareWindow, score: await quietWindow(options.attempts, own, scoreWindow) });
  }
  rows.end();
  await once(rows, 'close');
  return {
    name: input.name,
    pairs,
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
