/**
 * The peer of the benchmark: a process that does nothing but `session.run` with tensors that are ready,
 * in the same session as the pipeline's. Answers each window with the number of runs.
 */
import { prepareImage } from '../../adapters/dicom/prepare-image.js';
import { loadModel } from '../../adapters/models/load-model.js';
import { createClassifierSession } from '../../adapters/onnx/classifier-session.js';
import { warmUp } from '../../adapters/onnx/self-test.js';
import type { BareRequest } from './bare-pool.js';

let run: ((tensor: Float32Array) => Promise<unknown>) | undefined;
let tensors: Float32Array[] = [];

async function prepare(request: Extract<BareRequest, { type: 'prepare' }>): Promise<number> {
  const { bytes, manifest, selfTest } = await loadModel(request.model, []);
  if (run === undefined) {
    const session = await createClassifierSession({ bytes, manifest, provider: 'cpu' });
    await warmUp(session, manifest, selfTest);
    run = (tensor) => session.run(tensor);
  }
  tensors = [];
  for (const path of request.paths) {
    const { recipe, channels, width, height } = manifest.input;
    const image = await prepareImage({ path }, { recipe, inputSize: { channels, width, height } });
    if (image.kind === 'ready') {
      tensors.push(image.tensor);
    }
  }
  return tensors.length;
}

async function measure(windowMs: number): Promise<number> {
  const endMs = performance.now() + windowMs;
  let runs = 0;
  while (performance.now() < endMs) {
    const tensor = tensors[runs % tensors.length];
    if (run === undefined || tensor === undefined) {
      throw new Error('nothing is prepared');
    }
    await run(tensor);
    runs += 1;
  }
  return runs;
}

process.on('message', (request: BareRequest) => {
  const work = request.type === 'prepare' ? prepare(request) : measure(request.windowMs);
  void work.then((count) => process.send?.(count));
});
process.on('disconnect', () => process.exit());
