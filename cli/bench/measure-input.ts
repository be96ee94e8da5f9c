import { open } from 'node:fs/promises';

import type { RowFormat } from '../score/row-format.js';
import { createRowWriter } from '../score/row-writer.js';
import { scoreInOrder } from '../score/score-in-order.js';
import type { OpenClassifier } from '../../workers/inference/open-classifier.js';
import type { BarePool, BareWork, WindowLength } from './bare-pool.js';
import type { BenchInput } from './bench-inputs.js';
import { readCpuUsage } from './cpu-usage.js';
import { median } from './statistics.js';

/** A window in which other processes take more than this is measured again. Unit: cores. */
const NOISE_LIMIT_CORES = 0.1;
/** A window is as long as it must be for this many: of three images, the end of a window is too large a part. */
const MIN_IMAGES_PER_PROCESS = 12;
/** Answers come several at a time: where a window of the whole way begins and ends is less certain by as many images. */
const SCORE_WINDOW_FACTOR = 3;

export interface BenchOptions {
  /**
   * So long the whole way is at work before anything is measured, and what it is compared with for as many images. An archive
   * has thousands, and for a thousand of them V8 still compiles what prepares them, which takes up to 1 ms of each.
   */
  readonly warmUpMs: number;
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
  const rowsFile = await open(options.rowsPath, 'w');
  const rows = createRowWriter(rowsFile);
  const timings: Record<keyof InputResult['stages'], number[]> = {
    readMs: [],
    decodeMs: [],
    preprocessMs: [],
    inferMs: [],
  };

  /**
   * From when every place in every process has had an image: neither the first nor the last images count, whose way is
   * longer for want of work beside them. Rows come as many at a time as a process answers: a window begins and ends behind
   * the last of those that come in one turn of the event loop.
   */
  async function scoreWindow({ windowMs, imagesPerProcess }: WindowLength): Promise<Window> {
    const stop = new AbortController();
    const processes = classifier.processIds.length;
    let images = 0;
    let imagesBefore = 0;
    let turn: NodeJS.Immediate | undefined;
    let clock: WindowClock | undefined;
    let window: Window | undefined;

    function endTurn(): void {
      turn = undefined;
      const counted = images - imagesBefore;
      if (clock === undefined) {
        if (images >= classifier.concurrency) {
          imagesBefore = images;
          clock = startWindow([process.pid, ...classifier.processIds]);
        }
      } else if (counted >= processes * imagesPerProcess && clock.elapsedMs() >= windowMs) {
        window = clock.end(counted);
        stop.abort();
      }
    }

    for await (const scored of scoreInOrder(endless(input.paths), classifier, stop.signal)) {
      await rows.write(format.write(scored));
      const { classification } = scored;
      if (window !== undefined) {
        continue;
      }
      if (classification.kind !== 'scored') {
        throw new Error(`${scored.path} was not scored: ${classification.detail}`);
      }
      for (const [stage, values] of Object.entries(timings)) {
        values.push(classification.timings[stage as keyof InputResult['stages']]);
      }
      images += 1;
      turn ??= setImmediate(endTurn);
    }
    if (window === undefined) {
      throw new Error('unreachable: the images do not end before the window');
    }
    return window;
  }

  async function bareWindow(work: BareWork, length: WindowLength): Promise<Window> {
    const clock = startWindow(bare.processIds);
    const { images, imagesPerSecond } = await bare.measure(work, length);
    return { ...clock.end(images), imagesPerSecond };
  }

  const length = { windowMs: options.windowMs, imagesPerProcess: MIN_IMAGES_PER_PROCESS };
  const scoreLength = { ...length, windowMs: SCORE_WINDOW_FACTOR * options.windowMs };
  const rounds: Round[] = [];
  const { warmUpMs } = options;
  const { imagesPerSecond } = await scoreWindow({ ...length, windowMs: warmUpMs });
  const warmUpImages = Math.ceil((imagesPerSecond * warmUpMs) / 1000 / bare.processIds.length);
  await bare.measure('preprocess', { ...length, imagesPerProcess: warmUpImages });
  await bare.measure('infer', length);
  for (const values of Object.values(timings)) {
    values.splice(0);
  }
  for (let round = 0; round < options.rounds; round += 1) {
    const infer = await quietest(options.attempts, () => bareWindow('infer', length));
    const preprocess = await quietest(options.attempts, () => bareWindow('preprocess', length));
    const score = await quietest(options.attempts, () => scoreWindow(scoreLength));
    rounds.push({ infer, preprocess, score });
  }
  await rows.end();
  await rowsFile.close();
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
async function quietest(attempts: number, measure: () => Promise<Window>): Promise<Window> {
  let best = await measure();
  for (let attempt = 1; attempt < attempts && best.otherCores > NOISE_LIMIT_CORES; attempt += 1) {
    const window = await measure();
    if (window.otherCores < best.otherCores) {
      best = window;
    }
  }
  return best;
}

interface WindowClock {
  elapsedMs(): number;
  end(images: number): Window;
}

function startWindow(pids: readonly number[]): WindowClock {
  const before = readCpuUsage(pids);
  const startMs = performance.now();
  const elapsedMs = (): number => performance.now() - startMs;
  return {
    elapsedMs,
    end(images) {
      const seconds = elapsedMs() / 1000;
      const after = readCpuUsage(pids);
      const ownSeconds = after.ownSeconds - before.ownSeconds;
      const busySeconds = after.busySeconds - before.busySeconds;
      return {
        imagesPerSecond: images / seconds,
        cpuMsPerImage: (ownSeconds * 1000) / images,
        otherCores: Math.max(0, (busySeconds - ownSeconds) / seconds),
      };
    },
  };
}

async function* endless(paths: readonly string[]): AsyncGenerator<{ path: string }> {
  for (;;) {
    for (const path of paths) {
      yield await Promise.resolve({ path });
    }
  }
}
