import type { GateResult } from '../gating/gate.js';
import type { NotAnalysedReason } from '../results/outcome.js';

/** Where the bytes of one image are. A path is never logged: it may carry a patient's name. */
export interface ImageSource {
  readonly path: string;
}

/** Milliseconds of one image in the process that handled it. */
export interface StageTimings {
  readonly readMs: number;
  readonly decodeMs: number;
  readonly preprocessMs: number;
  readonly inferMs: number;
}

/** A float32 tensor that may cross a process border. */
export interface CamTensor {
  /** Shape: [findings, height, width], row-major, unitless logit contributions. */
  readonly data: Float32Array;
  readonly height: number;
  readonly width: number;
}

export type ImageClassification =
  | {
      readonly kind: 'scored';
      /** Shape: [findings] in the manifest's order, before any sigmoid. */
      readonly logits: readonly number[];
      readonly cams?: CamTensor;
      readonly gates: readonly GateResult[];
      readonly timings: StageTimings;
    }
  | {
      readonly kind: 'not-analysed';
      readonly reason: NotAnalysedReason;
      /** One plain sentence without patient data. */
      readonly detail: string;
      readonly gates: readonly GateResult[];
    };

export interface ClassifyOptions {
  readonly signal?: AbortSignal;
  readonly cams?: boolean;
}

/**
 * The inference engine's port: a whole image, from its bytes to logits, in a process that can be killed.
 * Images that cannot be analysed are values; `inference-timeout` and `inference-crashed` are thrown.
 */
export interface ImageClassifier {
  classify(source: ImageSource, options?: ClassifyOptions): Promise<ImageClassification>;
  /** How many images are worked on at once. */
  readonly concurrency: number;
  readonly executionProvider: string;
  close(): Promise<void>;
}
