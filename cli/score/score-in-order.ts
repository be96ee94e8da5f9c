import { classifyFile } from '../../core/archive/classify-file.js';
import { toPipelineError, type PipelineError } from '../../core/errors.js';
import type {
  ImageClassification,
  ImageClassifier,
} from '../../core/inference/image-classifier.js';
import type { InputFile } from './input-files.js';

/** Rows that may wait for an earlier, slower one, for each image that is worked on. */
const ROWS_AHEAD = 16;

export interface ScoreInOrderOptions {
  /** Class-activation maps as well. */
  readonly cams?: boolean;
}

export interface ScoredFile {
  readonly path: string;
  readonly classification: ImageClassification;
}

/**
 * Classifies files and gives them back in the order of the input. A slow image does not hold up the ones
 * behind it until so many are finished that they would fill the memory.
 *
 * When the signal is aborted no further file is begun; those in work are finished and given back.
 */
export async function* scoreInOrder(
  files: AsyncIterable<InputFile>,
  classifier: ImageClassifier,
  signal: AbortSignal,
  { cams = false }: ScoreInOrderOptions = {},
): AsyncGenerator<ScoredFile> {
  const source = files[Symbol.asyncIterator]();
  const pending: { scored: ScoredFile | undefined }[] = [];
  let unfinished = 0;
  let exhausted = false;
  let failure: PipelineError | undefined;
  let wake: () => void = () => undefined;

  function begin(file: InputFile): void {
    const entry: (typeof pending)[number] = { scored: undefined };
    pending.push(entry);
    unfinished += 1;
    classifyInput(file, classifier, cams)
      .then((classification) => {
        entry.scored = { path: file.path, classification };
      })
      .catch((error: unknown) => {
        failure ??= toPipelineError(error);
      })
      .finally(() => {
        unfinished -= 1;
        wake();
      });
  }

  for (;;) {
    while (
      !exhausted &&
      !signal.aborted &&
      unfinished < classifier.concurrency &&
      pending.length < classifier.concurrency * ROWS_AHEAD
    ) {
      const next = await source.next();
      if (next.done === true) {
        exhausted = true;
      } else {
        begin(next.value);
      }
    }
    if (failure !== undefined) {
      throw failure;
    }
    const first = pending[0];
    if (first === undefined) {
      return;
    }
    if (first.scored === undefined) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    } else {
      pending.shift();
      yield first.scored;
    }
  }
}

async function classifyInput(
  { path, unreadable }: InputFile,
  classifier: ImageClassifier,
  cams: boolean,
): Promise<ImageClassification> {
  return unreadable === undefined
    ? classifyFile(classifier, path, { cams })
    : { kind: 'not-analysed', reason: 'file-unreadable', detail: unreadable, gates: [] };
}
