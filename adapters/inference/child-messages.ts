import { PipelineError, toPipelineError, type ErrorCode } from '../../core/errors.js';
import type {
  EngineFacts,
  ImageClassification,
  ImageSource,
} from '../../core/inference/image-classifier.js';

/**
 * What the pool and its child processes say to each other (structured clone over the fork's channel).
 *
 * The pool sends `start` once and then images, those of one turn of its event loop in one message. The child says `ready`
 * or `failed`, then answers each image once.
 *
 * A child that takes one image at a time and answers at once has at most two that are unanswered, and answers in the order in
 * which they came: so the oldest unanswered image is the one that it works on. One that computes batches holds two of them,
 * takes the urgent first, and says `progress` whenever it begins with an image or a batch. One that answers `together` may
 * have finished images that it has not answered yet.
 */
export type MessageToChild =
  | {
      readonly type: 'start';
      readonly settings: unknown;
      /** Answers may be kept back, to go with others in one message. */
      readonly together: boolean;
    }
  | { readonly type: 'classify'; readonly images: readonly ImageTask[] };

/** An image as the child is handed it. */
export interface ImageTask {
  readonly id: number;
  readonly source: ImageSource;
  readonly cams: boolean;
  readonly urgent: boolean;
}

export type MessageFromChild =
  | ({ readonly type: 'ready' } & ChildInfo)
  | { readonly type: 'failed'; readonly error: WireError }
  | { readonly type: 'progress' }
  | { readonly type: 'answers'; readonly answers: readonly Answer[] };

/** Of one image. */
export type Answer =
  | { readonly id: number; readonly classification: ImageClassification }
  | { readonly id: number; readonly error: WireError };

/** What a child found when it started. */
export interface ChildInfo {
  readonly engine: EngineFacts;
  /** Images that it computes at once. */
  readonly maxBatch: number;
  /** Why it is not the provider or the number format that was asked for. */
  readonly fallback: { readonly wanted: string; readonly reason: string } | undefined;
}

export interface WireError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly context: PipelineError['context'];
}

/**
 * An error as the other process may see it. Only messages of our own travel: those of the file system
 * name paths, which may carry a patient's name.
 */
export function toWireError(thrown: unknown): WireError {
  const { code, message, context } = toPipelineError(thrown);
  if (thrown instanceof PipelineError) {
    return { code, message, context };
  }
  return {
    code,
    message,
    context: { thrown: thrown instanceof Error ? thrown.name : typeof thrown },
  };
}

export function fromWireError({ code, message, context }: WireError): PipelineError {
  return new PipelineError(code, message, { context });
}
