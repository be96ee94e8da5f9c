/**
 * The peer of the benchmark: a process that only calls `session.run` with tensors that are ready, in the same
 * session as the pipeline's, or only makes such tensors.
 */
import { prepareImage } from '../../adapters/dicom/prepare-image.js';
import { loadModel } from '../../adapters/models/load-model.js';
import { createClassifierSession } from '../../adapters/onnx/classifier-session.js';
import { DEFAULT_MAX_BATCH } from '../../adapters/onnx/execution-providers.js';
import { warmUp } from '../../adapters/onnx/self-test.js';
import { DEFAULT_GATE_POLICY } from '../../core/gating/gate-policy.js';
import { runPixelGates } from '../../core/gating/pixel-gates.js';
import type { PreparedImage } from '../../core/inference/image-classifier.js';
import type { BareCount, BareRequest } from './bare-pool.js';

interface Ready {
  readonly maxBatch: number;
  infer(tensors: readonly Float32Array[]): Promise<unknown>;
  /** All that comes before inference, gates and all. */
  preprocess(path: string): Promise<PreparedImage>;
}

let ready: Ready | undefined;
let tensors: Float32Array[] = [];
let paths: readonly string[] = [];

async function open({
  model,
  precision,
  provider,
  maxBatch: wantedBatch,
}: Extract<BareRequest, { type: 'prepare' }>): Promise<Ready> {
  const loaded = await loadModel(model, [], { precision, fastInt8: true });
  const { bytes, manifest, selfTest } = loaded;
  const session = await createClassifierSession({ bytes, manifest, provider });
  const maxBatch = session.takesBatches
    ? (wantedBatch ?? DEFAULT_MAX_BATCH[session.executionProvider])
    : 1;
  await warmUp(session, manifest, selfTest, maxBatch);
  const { recipe, channels, width, height, range } = manifest.input;
  const inputSize = { channels, width, height };
  return {
    maxBatch,
    infer: (batch) => session.runBatch(batch),
    async preprocess(path) {
      const image = await prepareImage({ path }, { recipe, inputSize });
      if (image.kind === 'ready') {
        runPixelGates(image.tensor, { size: width, range }, DEFAULT_GATE_POLICY);
      }
      return image;
    },
  };
}

async function prepare(request: Extract<BareRequest, { type: 'prepare' }>): Promise<BareCount> {
  ready ??= await open(request);
  paths = request.paths;
  tensors = [];
  for (const path of paths) {
    const image = await ready.preprocess(path);
    if (image.kind === 'ready') {
      tensors.push(image.tensor);
    }
  }
  return { images: tensors.length, imagesPerSecond: 0 };
}

async function measure({
  work,
  windowMs,
  imagesPerProcess,
}: Extract<BareRequest, { type: 'measure' }>): Promise<BareCount> {
  const startMs = performance.now();
  let images = 0;
  while (performance.now() - startMs < windowMs || images < imagesPerProcess) {
    const path = paths[images % paths.length];
    if (ready === undefined || path === undefined || tensors.length === 0) {
      throw new Error('nothing is prepared');
    }
    if (work === 'infer') {
      const first = images;
      const length = ready.maxBatch;
      await ready.infer(
        Array.from({ length }, (_, index) => tensors[(first + index) % tensors.length]!),
      );
      images += length;
    } else {
      await ready.preprocess(path);
      images += 1;
    }
  }
  return { images, imagesPerSecond: (images * 1000) / (performance.now() - startMs) };
}

process.on('message', (request: BareRequest) => {
  const work = request.type === 'prepare' ? prepare(request) : measure(request);
  void work.then((count) => process.send?.(count));
});
process.on('disconnect', () => process.exit());
