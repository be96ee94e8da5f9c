import type {
  ClassifyOptions,
  ImageClassification,
  ImageSource,
} from '../../core/inference/image-classifier.js';

/** One image on its way through the pool. */
export interface PoolTask {
  readonly source: ImageSource;
  readonly cams: boolean;
  /** Goes before all that are not, and waits for no batch. */
  readonly urgent: boolean;
  /**
   * A child that held it and others has died: whichever was the cause, it is done again with nothing beside it.
   */
  alone: boolean;
  readonly result: Promise<ImageClassification>;
  /** The caller has stopped waiting. A child that has the image is left to finish it. */
  readonly isAbandoned: () => boolean;
  resolve(classification: ImageClassification): void;
  reject(error: unknown): void;
}

export function createPoolTask(source: ImageSource, options: ClassifyOptions = {}): PoolTask {
  const { signal, cams = false, urgent = false } = options;
  // Both are set by the executor, which runs before the constructor returns.
  let resolve!: PoolTask['resolve'];
  let reject!: PoolTask['reject'];
  const settled = new Promise<ImageClassification>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  const onAbort = (): void => {
    reject(signal?.reason);
  };
  signal?.addEventListener('abort', onAbort);
  if (signal?.aborted === true) {
    onAbort();
  }
  // One signal may see a hundred thousand images: none may leave its listener behind.
  const result = settled.finally(() => {
    signal?.removeEventListener('abort', onAbort);
  });
  const isAbandoned = (): boolean => signal?.aborted === true;
  return { source, cams, urgent, alone: false, result, isAbandoned, resolve, reject };
}

/** Puts an urgent one behind the urgent ones that wait, any other at the end. */
export function insertByUrgency<T extends { readonly urgent: boolean }>(
  waiting: T[],
  task: T,
): void {
  const behind = task.urgent ? waiting.findIndex(({ urgent }) => !urgent) : -1;
  waiting.splice(behind === -1 ? waiting.length : behind, 0, task);
}
