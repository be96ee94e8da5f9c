/**
 * Entry of the child processes in which images are read, decoded and classified. Everything that comes
 * from outside is touched here and nowhere else, because only a process can be killed when a decoder or
 * a driver hangs.
 */
import { prepareImage } from '../../adapters/dicom/prepare-image.js';
import { serveClassifier } from '../../adapters/inference/child-server.js';
import type { ClassifierOutput } from '../../adapters/onnx/classifier-session.js';
import { runOodGate } from '../../core/gating/ood-gate.js';
import { invertedTensor, runPixelGates } from '../../core/gating/pixel-gates.js';
import type { GateResult } from '../../core/gating/gate.js';
import { invertedPicture, type Picture } from '../../core/imaging/render-picture.js';
import type { ImageClassification, StageTimings } from '../../core/inference/image-classifier.js';
import { NOT_ANALYSED } from '../../core/results/outcome.js';
import { classifierSettingsSchema } from './classifier-settings.js';
import { openSession } from './open-session.js';

/** Longer side of a picture for people, in pixels: enough for a map of few cells, small enough to send. */
const PICTURE_SIDE = 1024;

serveClassifier<GatedImage>(async (settings) => {
  const parsed = classifierSettingsSchema.parse(settings);
  const { decode, gatePolicy, siteRules, batchDelayMs } = parsed;
  const { session, manifest, engine, maxBatch, fallback } = await openSession(parsed);
  const { recipe, channels, width, height, range } = manifest.input;

  /**
   * Memory that no image is in: new memory for each one would make V8 collect its whole heap often. What an error leaves
   * behind is the garbage collector's.
   */
  const tensors: Float32Array[] = [];

  /** What is known after the network; the time of a batch is shared by its images. */
  function conclude(
    { gates: before, facts, picture, timings, cams }: GatedImage,
    { ood, cams: maps, ...output }: ClassifierOutput,
    inferMs: number,
  ): ImageClassification {
    const byModel = runOodGate(ood, manifest, gatePolicy);
    const gates = byModel === undefined ? before : [...before, byModel];
    return (
      refusalOf(gates, facts) ?? {
        kind: 'scored',
        ...output,
        ...(cams && maps !== undefined && { cams: maps }),
        ...picture,
        gates,
        ...facts,
        timings: { ...timings, inferMs },
      }
    );
  }

  return {
    engine,
    maxBatch,
    fallback,
    batchDelayMs,
    async prepare({ source, cams }) {
      const memory = tensors.pop() ?? new Float32Array(channels * height * width);
      const prepared = await prepareImage(source, {
        tensor: memory,
        recipe,
        inputSize: { channels, width, height },
        decode,
        gatePolicy,
        siteRules,
        pictureSide: cams ? PICTURE_SIDE : undefined,
      });
      if (prepared.kind === 'not-analysed') {
        tensors.push(memory);
        return { kind: 'answered', classification: prepared };
      }
      const { identity, site, readMs, decodeMs, preprocessMs } = prepared;
      const facts = { ...(identity && { identity }), ...(site !== undefined && { site }) };
      const byPixels = runPixelGates(prepared.tensor, { size: width, range }, gatePolicy);
      const gates = [...prepared.gates, ...byPixels.gates];
      const refusal = refusalOf(gates, facts);
      if (refusal !== undefined) {
        tensors.push(memory);
        return { kind: 'answered', classification: refusal };
      }
      const { invert } = byPixels;
      const image: GatedImage = {
        memory,
        tensor: invert ? invertedTensor(memory, range) : memory,
        cams,
        gates,
        facts,
        picture: prepared.picture && {
          picture: invert ? invertedPicture(prepared.picture) : prepared.picture,
        },
        timings: { readMs, decodeMs, preprocessMs },
      };
      return { kind: 'ready', image };
    },
    async infer(images) {
      const startMs = performance.now();
      const outputs = await session.runBatch(
        images.map(({ tensor }) => tensor),
        { cams: images.some(({ cams }) => cams) },
      );
      const inferMs = (performance.now() - startMs) / images.length;
      const classifications = images.map((image, index) =>
        conclude(image, outputs[index]!, inferMs),
      );
      // Last: images of a batch that throws are tried again, with what is in their memory.
      tensors.push(...images.map(({ memory }) => memory));
      return classifications;
    },
  };
});

/** An image that may go to the network. */
interface GatedImage {
  /** Free again when the network has seen the image. */
  readonly memory: Float32Array;
  readonly tensor: Float32Array;
  readonly cams: boolean;
  readonly gates: readonly GateResult[];
  readonly facts: Pick<ImageClassification, 'identity' | 'site'>;
  readonly picture: { readonly picture: Picture } | undefined;
  readonly timings: Omit<StageTimings, 'inferMs'>;
}

/** The outcome of an image of whose gates one refuses. */
function refusalOf(
  gates: readonly GateResult[],
  facts: Pick<ImageClassification, 'identity' | 'site'>,
): ImageClassification | undefined {
  const refusal = gates.find(({ verdict }) => verdict === 'refuse');
  return (
    refusal?.reason && {
      kind: 'not-analysed',
      reason: refusal.reason,
      detail: refusal.detail ?? NOT_ANALYSED[refusal.reason],
      gates,
      ...facts,
    }
  );
}
