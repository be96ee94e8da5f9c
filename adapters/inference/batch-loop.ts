import type { ImageClassification } from '../../core/inference/image-classifier.js';
import type { ImageTask } from './child-messages.js';
import { insertByUrgency } from './pool-task.js';

/** An image that has its answer without the network, or what the network needs of it. */
export type PreparedTask<T> =
  | { readonly kind: 'answered'; readonly classification: ImageClassification }
  | { readonly kind: 'ready'; readonly image: T };

export interface BatchLoopDeps<T> {
  readonly maxBatch: number;
  /** How long it waits for further images, when there is nothing to prepare, before a batch is computed that is not full. */
  readonly batchDelayMs: number;
  prepare(task: ImageTask): Promise<PreparedTask<T>>;
  /** Answers in the order of the images. */
  infer(images: readonly T[]): Promise<readonly ImageClassification[]>;
  /** It begins with an image or a batch. */
  progressed(): void;
  /** Does not throw, and neither does `fail`. */
  answer(id: number, classification: ImageClassification): void;
  fail(id: number, error: unknown): void;
}

interface Ready<T> {
  readonly id: number;
  readonly image: T;
}

/**
 * Works through images, `maxBatch` at a time. The urgent ones go first and alone: one that comes while a batch
 * is being filled is computed before that batch, and only a computation that runs is waited for.
 *
 * Gives the function that adds an image.
 */
export function createBatchLoop<T>(deps: BatchLoopDeps<T>): (task: ImageTask) => void {
  const { maxBatch, batchDelayMs } = deps;
  const waiting: ImageTask[] = [];
  let busy = false;
  let onArrival: () => void = () => undefined;

  async function workOff(): Promise<void> {
    busy = true;
    while (waiting.length > 0) {
      const batch = await fillBatch();
      if (batch.length > 0) {
        await inferAndAnswer(batch);
      }
    }
    busy = false;
  }

  async function fillBatch(): Promise<Ready<T>[]> {
    const batch: Ready<T>[] = [];
    while (batch.length < maxBatch) {
      if (waiting.length === 0 && batch.length > 0) {
        await arrivalWithin(batchDelayMs);
      }
      const task = waiting.shift();
      if (task === undefined) {
        break;
      }
      deps.progressed();
      const image = await prepared(task);
      if (image !== undefined && task.urgent) {
        await inferAndAnswer([{ id: task.id, image }]);
      } else if (image !== undefined) {
        batch.push({ id: task.id, image });
      }
      if (maxBatch > 1 || image === undefined) {
        // Preparing blocks: without a turn of the event loop no urgent image would be heard of, nor the next ones.
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    return batch;
  }

  async function prepared(task: ImageTask): Promise<T | undefined> {
    let result: PreparedTask<T>;
    try {
      result = await deps.prepare(task);
    } catch (error) {
      deps.fail(task.id, error);
      return undefined;
    }
    if (result.kind === 'ready') {
      return result.image;
    }
    deps.answer(task.id, result.classification);
    return undefined;
  }

  async function inferAndAnswer(batch: readonly Ready<T>[]): Promise<void> {
    deps.progressed();
    let classifications: readonly ImageClassification[];
    try {
      classifications = await deps.infer(batch.map(({ image }) => image));
    } catch (error) {
      const [first, ...others] = batch;
      if (first !== undefined && others.length === 0) {
        deps.fail(first.id, error);
        return;
      }
      // Of a batch that fails, each image is tried alone: the error is that of one of them.
      for (const ready of batch) {
        await inferAndAnswer([ready]);
      }
      return;
    }
    for (const [index, { id }] of batch.entries()) {
      deps.answer(id, classifications[index]!);
    }
  }

  function arrivalWithin(limitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, limitMs);
      onArrival = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  return (task) => {
    insertByUrgency(waiting, task);
    onArrival();
    if (!busy) {
      void workOff();
    }
  };
}
