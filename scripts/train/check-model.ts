// Checks the shipped model as the pipeline loads it: manifest, hash, graph, self-test; that the maps and
// the logits are the same head; and how fast it is on one core. The training writes, this reads back.
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';

import { loadModel } from '../../adapters/models/load-model.js';
import { createClassifierSession } from '../../adapters/onnx/classifier-session.js';
import { warmUp } from '../../adapters/onnx/self-test.js';
import { selfTestInput } from '../../core/inference/model-self-test.js';

const BLOCKS = 15;
const RUNS_PER_BLOCK = 20;
const MODELS = fileURLToPath(new URL('../../models', import.meta.url));

// A name below models/, or a folder.
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
/** Milliseconds a run, of the wall and of the processor, by block: others may use this machine. */
const wallMs: number[] = [];
const processorMs: number[] = [];
for (let block = 0; block < BLOCKS; block += 1) {
  const start = performance.now();
  const used = process.cpuUsage();
  for (let run = 0; run < RUNS_PER_BLOCK; run += 1) {
    await session.run(tensor);
  }
  const { user, system } = process.cpuUsage(used);
  wallMs.push((performance.now() - start) / RUNS_PER_BLOCK);
  processorMs.push((user + system) / 1000 / RUNS_PER_BLOCK);
}
await session.release();

console.log(
  JSON.stringify({
    model: `${manifest.name}@${manifest.version}`,
    largestLogitDifference: Number(largest.toExponential(2)),
    largestMapDifference: Number(spread.toExponential(2)),
    medianWallMs: round(median(wallMs)),
    bestWallMs: round(Math.min(...wallMs)),
    medianProcessorMs: round(median(processorMs)),
    bestProcessorMs: round(Math.min(...processorMs)),
  }),
);

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}

function round(value: number): number {
  return Number(value.toFixed(2));
}
