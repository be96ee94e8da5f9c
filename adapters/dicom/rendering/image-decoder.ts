import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

import type { VoiWindow } from '../../../core/dicom/instance-header.js';
import { PipelineError } from '../../../core/errors.js';
import { builtEntry } from '../../process/package-info.js';
import type { ImageAnswer, ImageTask, ObjectSource, ShownPicture } from './image-task.js';

/** An image that takes longer is refused, if nothing else is said. */
export const DECODE_LIMIT_MS = 60_000;
/** A thread that nobody needs gives its memory back. */
const IDLE_MS = 30_000;

export interface ImageDecoderOptions {
  /**
   * Reads the file of a task when it is its turn. Here and not in the thread, where a share that hangs would hold the thread and
   * a place among those that read files.
   */
  readonly readFile: (path: string) => Promise<Uint8Array>;
  /** Tasks that wait at most; further ones are refused. */
  readonly maxWaiting: number;
  /** Takes what processor time others leave (Linux). */
  readonly background: boolean;
  readonly limitMs?: number;
}

/** Decodes stored images in one thread, one after the other. Frames count from 0. */
export interface ImageDecoder {
  /**
   * A frame through the whole greyscale chain.
   *
   * @param isWanted asked when it is the task's turn: whoever has gone need not be served
   * @throws PipelineError `overloaded`, `not-found` without that frame, `pixel-data-corrupt` also when it takes too
   *   long, and what `readFile`, `readDicom` and `decodeFrame` throw
   */
  picture(
    source: ObjectSource,
    frame: number,
    window?: VoiWindow,
    isWanted?: () => boolean,
  ): Promise<ShownPicture>;
  /** The samples of a frame in Explicit VR Little Endian. Throws as `picture`, and `not-acceptable` for colour. */
  samples(source: ObjectSource, frame: number, isWanted?: () => boolean): Promise<Uint8Array>;
  close(): Promise<void>;
}

export function createImageDecoder(options: ImageDecoderOptions): ImageDecoder {
  const { limitMs = DECODE_LIMIT_MS } = options;
  let worker: Worker | undefined;
  let idle: NodeJS.Timeout | undefined;
  let waiting = 0;
  const closing = new AbortController();
  let last: Promise<unknown> = Promise.resolve();

  async function stop(): Promise<void> {
    clearTimeout(idle);
    const stopped = worker;
    worker = undefined;
    await stopped?.terminate();
  }

  function startWorker(): Worker {
    const started = new Worker(builtEntry('adapters/dicom/rendering/decode-thread'), {
      workerData: { background: options.background },
    });
    // Whoever waits for it learns of it too; between two tasks nobody does.
    return started.on('error', () => {
      if (worker === started) {
        worker = undefined;
      }
    });
  }

  /** An idle thread keeps no process alive, and ends when it stays idle. */
  function rest(): void {
    idle = setTimeout(() => void stop(), IDLE_MS).unref();
    worker?.unref();
  }

  async function perform(task: ImageTask): Promise<ImageAnswer> {
    clearTimeout(idle);
    worker ??= startWorker();
    const timeout = AbortSignal.timeout(limitMs);
    try {
      const signal = AbortSignal.any([timeout, closing.signal]);
      const answered = once(worker, 'message', { signal });
      worker.postMessage(task);
      const [answer] = (await answered) as [ImageAnswer];
      return answer;
    } catch (cause) {
      await stop();
      if (closing.signal.aborted) {
        throw new PipelineError('shutting-down', 'The image was not decoded before the end.');
      }
      const what = timeout.aborted
        ? `The image was not decoded within ${limitMs / 1000} s.`
        : 'The image has stopped its decoder.';
      throw new PipelineError('pixel-data-corrupt', what, { cause });
    } finally {
      rest();
    }
  }

  async function inTurn(
    source: ObjectSource,
    toTask: (bytes: Uint8Array) => ImageTask,
    isWanted: () => boolean,
  ): Promise<ImageAnswer> {
    if (waiting >= options.maxWaiting) {
      throw new PipelineError('overloaded', 'Too many images are being decoded.');
    }
    waiting += 1;
    const turn = last.then(async () => {
      if (!isWanted()) {
        throw new PipelineError('request-timeout', 'Nobody waits for the image any more.');
      }
      const bytes = 'path' in source ? await options.readFile(source.path) : source.bytes;
      worker?.ref();
      return perform(toTask(bytes));
    });
    last = turn.catch(() => undefined);
    const answer = await turn.finally(() => {
      waiting -= 1;
    });
    if (answer.kind === 'failed') {
      throw new PipelineError(answer.code, answer.message);
    }
    return answer;
  }

  return {
    async picture(source, frame, window, isWanted = () => true) {
      const answer = await inTurn(
        source,
        (bytes) => ({ kind: 'picture', bytes, frame, window }),
        isWanted,
      );
      return (answer as Extract<ImageAnswer, { kind: 'picture' }>).picture;
    },
    async samples(source, frame, isWanted = () => true) {
      const answer = await inTurn(source, (bytes) => ({ kind: 'samples', bytes, frame }), isWanted);
      return (answer as Extract<ImageAnswer, { kind: 'samples' }>).samples;
    },
    close() {
      closing.abort();
      return stop();
    },
  };
}
