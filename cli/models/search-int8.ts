import type { LoadedModel } from '../../adapters/models/load-model.js';
import {
  createClassifierSession,
  type ClassifierOutput,
} from '../../adapters/onnx/classifier-session.js';
import { observeTensors } from '../../adapters/onnx/observe-ranges.js';
import { decodeOnnx, encodeOnnx } from '../../adapters/onnx/onnx-file.js';
import { PipelineError } from '../../core/errors.js';
import type { ModelManifest } from '../../core/inference/model-manifest.js';
import { quantisableGraph } from '../../core/onnx/quantisable-graph.js';
import type { OnnxModel } from '../../core/onnx/onnx-model.js';
import { withOutputBias } from '../../core/onnx/output-bias.js';
import { planQuantisation } from '../../core/onnx/quantisation-plan.js';
import { quantiseGraph } from '../../core/onnx/quantise-graph.js';
import { CUT_SHARES, rangeOf, signalToNoise } from '../../core/onnx/tensor-ranges.js';
import { say } from './models-folder.js';

export interface Int8Search {
  readonly calibration: readonly Float32Array[];
  readonly check: readonly Float32Array[];
  /** Layers that stay in fp32, whatever is measured. */
  readonly keep: readonly string[];
  /** Units: dB. */
  readonly target: number;
}

export interface Int8Model {
  readonly onnx: Buffer;
  /** Of the logits of the check images. Units: dB. */
  readonly signalDb: number;
  readonly kept: readonly string[];
}

/** Of all layers, how many may stay in fp32: beyond that nothing is gained. */
const MAX_KEPT_SHARE = 0.25;
/** Images on which single layers are compared. */
const LAYER_IMAGES = 6;

/**
 * Tries the ways to choose ranges and takes the one with the cleanest logits. When they are below the
 * target, the layers are quantised one at a time, and those that disturb the logits most stay in fp32, more
 * and more of them until the target is reached.
 */
export async function searchInt8(model: LoadedModel, search: Int8Search): Promise<Int8Model> {
  const { calibration, check, target } = search;
  const decoded = decodeOnnx(model.bytes);
  const prepared = { ...decoded, graph: quantisableGraph(decoded.graph) };
  const { tensors, layers } = planQuantisation(prepared.graph);
  if (layers.length === 0) {
    throw new PipelineError('model-graph-mismatch', 'The graph has no convolution to quantise.');
  }
  const unknown = search.keep.find((layer) => !layers.includes(layer));
  if (unknown !== undefined) {
    throw new PipelineError(
      'config-invalid',
      `There is no layer ${unknown}: ${layers.join(', ')}.`,
    );
  }
  const histograms = await observeTensors(prepared, tensors, calibration);
  const exact = await logitsOf(model.bytes, model, check);
  const exactOutputs = await outputsOf(model.bytes, model, calibration);
  const build = (cutShare: number, kept: readonly string[]): OnnxModel => {
    const ranges = new Map(
      [...histograms].map(([name, found]) => [name, rangeOf(found, cutShare)]),
    );
    const plan = planQuantisation(prepared.graph, new Set(kept));
    return { ...prepared, graph: quantiseGraph(prepared.graph, plan, ranges) };
  };
  const attempt = async (cutShare: number, kept: readonly string[]): Promise<Int8Model> => {
    const shifted = build(cutShare, kept);
    const outputs = await outputsOf(encodeOnnx(shifted), model, calibration);
    const biases = meanDifferences(exactOutputs, outputs, model.manifest.outputs);
    const onnx = encodeOnnx({ ...shifted, graph: withOutputBias(shifted.graph, biases) });
    return { onnx, kept, signalDb: signalToNoise(exact, await logitsOf(onnx, model, check)) };
  };

  let best = await attempt(0, search.keep);
  let bestCut = 0;
  for (const cutShare of CUT_SHARES.slice(1)) {
    const other = await attempt(cutShare, search.keep);
    if (other.signalDb > best.signalDb) {
      best = other;
      bestCut = cutShare;
    }
  }
  if (best.signalDb >= target) {
    return best;
  }
  say(
    `Logits at ${best.signalDb.toFixed(1)} dB: looking for the sensitive ones of ${layers.length} layers.`,
  );
  const few = check.slice(0, LAYER_IMAGES);
  const few32 = exact.slice(0, few.length * model.manifest.findings.length);
  const noise: { layer: string; signalDb: number }[] = [];
  for (const layer of layers.filter((each) => !search.keep.includes(each))) {
    const others = layers.filter((each) => each !== layer);
    const logits = await logitsOf(encodeOnnx(build(bestCut, others)), model, few);
    noise.push({ layer, signalDb: signalToNoise(few32, logits) });
  }
  noise.sort((a, b) => a.signalDb - b.signalDb);
  const most = Math.floor(layers.length * MAX_KEPT_SHARE);
  for (let count = 1; count <= most && best.signalDb < target; count += 1) {
    const kept = [...search.keep, ...noise.slice(0, count).map(({ layer }) => layer)];
    const next = await attempt(bestCut, kept);
    best = next.signalDb > best.signalDb ? next : best;
  }
  return best;
}

/** Of several images, one behind the other. */
async function logitsOf(
  bytes: Uint8Array,
  model: LoadedModel,
  images: readonly Float32Array[],
): Promise<number[]> {
  return (await outputsOf(bytes, model, images)).flatMap(({ logits }) => [...logits]);
}

async function outputsOf(
  bytes: Uint8Array,
  { manifest }: LoadedModel,
  images: readonly Float32Array[],
): Promise<ClassifierOutput[]> {
  const session = await createClassifierSession({ bytes, manifest, provider: 'cpu' });
  try {
    const outputs: ClassifierOutput[] = [];
    for (const image of images) {
      outputs.push(await session.run(image));
    }
    return outputs;
  } finally {
    await session.release();
  }
}

/** What to add to the other's outputs, by the output's name, so that their means are the exact ones. */
function meanDifferences(
  exact: readonly ClassifierOutput[],
  other: readonly ClassifierOutput[],
  { logits, ood }: ModelManifest['outputs'],
): Map<string, Float32Array> {
  const difference = (columns: (output: ClassifierOutput) => readonly number[]): Float32Array => {
    const [before, after] = [exact.map(columns), other.map(columns)];
    return Float32Array.from(before[0] ?? [], (_, column) => {
      const mean = (rows: typeof before): number =>
        rows.reduce((sum, row) => sum + (row[column] ?? NaN), 0) / rows.length;
      return mean(before) - mean(after);
    });
  };
  const biases = new Map([[logits, difference((output) => output.logits)]]);
  if (ood !== undefined) {
    biases.set(
      ood,
      difference((output) => [output.ood ?? NaN]),
    );
  }
  return biases;
}
