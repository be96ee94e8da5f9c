import { PipelineError } from '../../core/errors.js';
import type { EngineFacts, ImageClassifier } from '../../core/inference/image-classifier.js';
import type { Logger } from '../../core/log.js';
import type { ChildInfo } from './child-messages.js';
import { createPoolSlot, type PoolSlot, type SlotDeath, type SlotOptions } from './pool-slot.js';
import { createPoolTask, type PoolTask, insertByUrgency } from './pool-task.js';

/** How often time and memory are looked at; both limits are that coarse. */
const WATCH_MS = 250;

export interface ClassifierPoolOptions extends SlotOptions {
  readonly processes: number;
  /** With how many warm children the pool is there; the others follow. All of them by default. */
  readonly startWith?: 'all' | 'first';
}

export interface ClassifierPool extends ImageClassifier {
  /** Why another provider or number format is in use than the one that was asked for. */
  readonly fallback: ChildInfo['fallback'];
  /** Children that it has when all are warm. */
  readonly processes: number;
  /** Of the children that are warm. */
  readonly processIds: readonly number[];
  /** Images that one child computes at once. */
  readonly maxBatch: number;
}

/**
 * Child processes that each do whole images. Resolves when as many as said are warm, or rejects with the
 * reason why one of them cannot start. One that cannot afterwards is tried again, with a warning.
 *
 * A child that dies, hangs or grows too large is replaced. The image it worked on is reported as
 * `inference-crashed` or `inference-timeout`; the one that waited behind it is handed to another child. Of images
 * that were computed or are answered together each is done again alone, and the one that does it again is reported.
 */
export async function createClassifierPool(
  { logger }: { readonly logger: Logger },
  options: ClassifierPoolOptions,
): Promise<ClassifierPool> {
  const waiting: PoolTask[] = [];
  /** Of archives: they get what the others leave. */
  const background: PoolTask[] = [];
  const whenIdle: (() => void)[] = [];
  let closing: Promise<void> | undefined;
  let onStarted: ((failure?: PipelineError) => void) | undefined;

  const slots = Array.from({ length: options.processes }, () =>
    createPoolSlot(options, { freed, died }),
  );

  function freed(): void {
    if (options.startWith === 'first' || slots.every(({ info }) => info !== undefined)) {
      onStarted?.();
    }
    dispatch();
  }

  function died({ cause, whileStarting, unfinished }: SlotDeath): void {
    if (onStarted !== undefined) {
      onStarted(cause);
      return;
    }
    waiting.unshift(...unfinished);
    if (closing !== undefined) {
      rejectWaiting(new PipelineError('shutting-down'));
    } else {
      logger.warn(
        { code: cause.code, ...cause.context, whileStarting },
        'An inference process ended.',
      );
      if (whileStarting && slots.every(({ info }) => info === undefined)) {
        // Nobody is left to do them, and who waits should know why.
        rejectWaiting(new PipelineError('inference-crashed', cause.message, { cause }));
      }
    }
    dispatch();
  }

  const next = (): PoolTask | undefined => waiting[0] ?? background[0];

  function dispatch(): void {
    for (let task = next(); task !== undefined; task = next()) {
      const slot = task.isAbandoned() ? undefined : freestFor(task, slots);
      if (slot === undefined && !task.isAbandoned()) {
        return;
      }
      (waiting.length > 0 ? waiting : background).shift();
      slot?.give(task);
    }
    if (slots.every(({ load }) => load === 0)) {
      for (const resolve of whenIdle.splice(0)) {
        resolve();
      }
    }
  }

  function rejectWaiting(error: PipelineError): void {
    for (const task of [...waiting.splice(0), ...background.splice(0)]) {
      task.reject(error);
    }
  }

  // Time in which we did not run ourselves (a suspended machine, a stopped process group) is nobody's
  // fault: a step of the watch counts for at most two.
  let lastLookMs = performance.now();
  const watch = setInterval(() => {
    const nowMs = performance.now();
    for (const slot of slots) {
      slot.watch(Math.min(nowMs - lastLookMs, 2 * WATCH_MS));
    }
    lastLookMs = nowMs;
  }, WATCH_MS);

  async function stopAll(): Promise<void> {
    clearInterval(watch);
    await Promise.all(slots.map((slot) => slot.stop()));
  }

  async function drainAndStop(): Promise<void> {
    rejectWaiting(new PipelineError('shutting-down'));
    await new Promise<void>((resolve) => {
      whenIdle.push(resolve);
      dispatch();
    });
    await stopAll();
  }

  const failure = await new Promise<PipelineError | undefined>((resolve) => {
    onStarted = resolve;
  });
  if (failure !== undefined) {
    await stopAll();
    throw failure;
  }
  onStarted = undefined;
  let lastEngine: EngineFacts | undefined;
  // Every child of a pool finds the same.
  const first = slots.find(({ info }) => info !== undefined);
  const initialCapacity = first?.capacity ?? 1;

  return {
    get concurrency() {
      return (
        options.processes * Math.max(initialCapacity, ...slots.map(({ capacity }) => capacity))
      );
    },
    processes: options.processes,
    maxBatch: first?.info?.maxBatch ?? 1,
    get engine() {
      // Every child of a pool finds the same; while none is warm, the last one that was has answered.
      lastEngine = slots.find(({ info }) => info !== undefined)?.info?.engine ?? lastEngine;
      if (lastEngine === undefined) {
        throw new PipelineError('inference-crashed');
      }
      return lastEngine;
    },
    get fallback() {
      return slots.find(({ info }) => info?.fallback !== undefined)?.info?.fallback;
    },
    get processIds() {
      return slots.flatMap(({ info, pid }) => (info === undefined ? [] : (pid ?? [])));
    },
    classify(source, classifyOptions) {
      if (closing !== undefined) {
        return Promise.reject(new PipelineError('shutting-down'));
      }
      const task = createPoolTask(source, classifyOptions);
      if (classifyOptions?.background === true) {
        background.push(task);
      } else {
        insertByUrgency(waiting, task);
      }
      dispatch();
      return task.result;
    },
    close() {
      closing ??= drainAndStop();
      return closing;
    },
  };
}

/** The warm child with the fewest images that has room for this one. */
function freestFor(task: PoolTask, slots: readonly PoolSlot[]): PoolSlot | undefined {
  let best: PoolSlot | undefined;
  for (const slot of slots) {
    if (slot.hasRoomFor(task) && slot.load < (best?.load ?? Infinity)) {
      best = slot;
    }
  }
  return best;
}
