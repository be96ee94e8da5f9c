import type { InstanceIdentity } from '../dicom/instance-header.js';
import type { GateResult } from '../gating/gate.js';
import type { Precision } from './model-manifest.js';
import type { Picture } from '../imaging/render-picture.js';
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

/** What every outcome of an image carries. */
interface ImageFacts {
  readonly gates: readonly GateResult[];
  /** Present when the file is DICOM and its header could be read. */
  readonly identity?: InstanceIdentity;
  /** Where it comes from, when a rule of the site says so. */
  readonly site?: string;
}

export type ImageClassification = ScoredImage | UnanalysedImage;

export interface ScoredImage extends ImageFacts {
  readonly kind: 'scored';
  /** Shape: [findings] in the manifest's order, before any sigmoid. */
  readonly logits: readonly number[];
  readonly cams?: CamTensor;
  /** The whole image for people to look at; comes with the maps. */
  readonly picture?: Picture;
  readonly timings: StageTimings;
}

export interface UnanalysedImage extends ImageFacts {
  readonly kind: 'not-analysed';
  readonly reason: NotAnalysedReason;
  /** One plain sentence without patient data. */
  readonly detail: string;
}

/** What the step from a file to the network's input yields: pixels, or a reason why not. */
export type PreparedImage = ReadyImage | UnanalysedImage;

export interface ReadyImage extends ImageFacts, Omit<StageTimings, 'inferMs'> {
  readonly kind: 'ready';
  /** Shape: [channels, height, width] of the manifest's input, row-major. Units: the recipe's range. */
  readonly tensor: Float32Array;
  /** Present when it was asked for. */
  readonly picture?: Picture;
}

export interface ClassifyOptions {
  readonly signal?: AbortSignal;
  /** Class-activation maps, where the model has them, and the picture that they lie on. */
  readonly cams?: boolean;
  /** Goes before all others that wait, and waits for no batch to fill. */
  readonly urgent?: boolean;
  /** Of an archive: it waits until no other image does. */
  readonly background?: boolean;
}

/** What really computes, which a setting alone does not tell. */
export interface EngineFacts {
  readonly executionProvider: string;
  readonly precision: Precision;
  /** SHA-256 of the model file in use. */
  readonly sha256: string;
}

/**
 * The inference engine's port: a whole image, from its bytes to logits, in a process that can be killed.
 * Images that cannot be analysed are values; `inference-timeout` and `inference-crashed` are thrown, with `attempts` in their
 * context where the engine itself has tried the image more than once.
 */
export interface ImageClassifier {
  classify(source: ImageSource, options?: ClassifyOptions): Promise<ImageClassification>;
  /**
   * How many images to hand over at once to keep it busy: more than it works on, so that a process
   * that has finished one finds the next at hand. May change with the images.
   */
  readonly concurrency: number;
  readonly engine: EngineFacts;
  close(): Promise<void>;
}
