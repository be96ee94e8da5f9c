// Checks the shipped model as the pipeline loads it: manifest, hash, graph, self-test; that the maps and
// the logits are the same head; and how fast it is on one core. The training writes, this reads back.
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';

import { loadModel } from '../../adapters/models/load-model.js';
import { createClassifierSession } from '../../adapters/onnx/classifier-session.js';
import { warmUp } from '../../adapters/onnx/self-test.js';
import { selfTestInput } from '../../core/inference/model-self-test.js';

const RUNS = 200;
const MODELS = fileURLToPath(new URL('../../models', import.meta.url));

const name = process.argv[2] ?? 'preread-cxr14';
const { manifest, selfTest, bytes } = await loadModel(name, [MODELS]);
const session = await createClassifierSession({ bytes, manifest, provider: 'cpu' });
await warmUp(session, manifest, selfTest);

let largest = 0;
/** Logit minus mean of the map is the bias of the head: the same number for every input. */
const biases: number[][] = [];
for (const { input, logits } of selfTest?.cases ?? []) {
  const output = await session.run(selfTestInput(manifest.input, input), { cams: true });
  const { cams } = output;
  if (cams === undefined) {
    throw new Error('the model gave no maps');
  }
  const cells = cams.height * cams.width;
  biases.push(
    output.logits.map((logit, index) => {
      largest = Math.max(largest, Math.abs(logit - (logits[index] ?? Infinity)));
      const map = cams.data.subarray(index * cells, (index + 1) * cells);
      return logit - map.reduce((sum, value) => sum + value, 0) / cells;
    }),
  );
}
const spread = Math.max(
  ...manifest.findings.map((_, index) => {
    const values = biases.map((bias) => bias[index] ?? NaN);
    return Math.max(...values) - Math.min(...values);
  }),
);
if (!(spread < 1e-3)) {
  throw new Error(`logit - mean(map) differs between inputs by ${spread}`);
}

const first = selfTest?.cases[0]?.input ?? { pattern: 'waves', cyclesX: 1, cyclesY: 1 };
const tensor = selfTestInput(manifest.input, first);
const times: number[] = [];
for (let run = 0; run < RUNS; run += 1) {
  const start = performance.now();
  await session.run(tensor);
  times.push(performance.now() - start);
}
await session.release();
times.sort((a, b) => a - b);
const medianMs = times[RUNS / 2] ?? NaN;
console.log(
  JSON.stringify({
    model: `${manifest.name}@${manifest.version}`,
    largestLogitDifference: Number(largest.toExponential(2)),
    largestMapDifference: Number(spread.toExponential(2)),
    medianMs: Number(medianMs.toFixed(2)),
    imagesPerSecondPerCore: Number((1000 / medianMs).toFixed(0)),
    bestImagesPerSecondPerCore: Number((1000 / (times[0] ?? NaN)).toFixed(0)),
  }),
);
