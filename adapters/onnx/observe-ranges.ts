import { InferenceSession, Tensor } from './runtime.js';

import type { OnnxModel } from '../../core/onnx/onnx-model.js';
import type { TensorRange } from '../../core/onnx/quantise-graph.js';
import { encodeOnnx } from './onnx-file.js';

const BINS = 2048;
/** Of a tensor and an image, how many values are counted. */
const SAMPLE = 100_000;

/** What the values of a tensor were, over all calibration images. */
export interface TensorHistogram extends TensorRange {
  /** Shape: [BINS], counts between low and high. */
  readonly counts: Float64Array;
}

/**
 * Runs the fp32 graph on images and looks at the named tensors, twice: for their limits, then for how
 * the values lie between them.
 *
 * @param images shape [1, channels, height, width] each
 */
export async function observeTensors(
  model: OnnxModel,
  tensors: readonly string[],
  images: readonly Float32Array[],
): Promise<ReadonlyMap<string, TensorHistogram>> {
  const [input] = model.graph.inputs;
  const dimensions = (input?.shape ?? []).map((size) => (typeof size === 'number' ? size : 1));
  const inputs = new Set(model.graph.inputs.map(({ name }) => name));
  const watched = tensors.filter((name) => !inputs.has(name));
  const bytes = encodeOnnx({
    ...model,
    graph: { ...model.graph, outputs: watched.map((name) => ({ name })) },
  });
  const session = await InferenceSession.create(bytes, {
    intraOpNumThreads: 1,
    logSeverityLevel: 4,
  });
  async function visit(look: (name: string, values: Float32Array) => void): Promise<void> {
    for (const image of images) {
      const name = input?.name ?? '';
      const outputs = await session.run({ [name]: new Tensor('float32', image, dimensions) });
      look(name, image);
      for (const [tensor, { data }] of Object.entries(outputs)) {
        look(tensor, data as Float32Array);
      }
    }
  }
  const limits = new Map<string, { low: number; high: number }>();
  await visit((name, values) => {
    const limit = limits.get(name) ?? { low: Infinity, high: -Infinity };
    let { low, high } = limit;
    for (let index = 0; index < values.length; index += 1) {
      const value = values[index]!;
      low = value < low ? value : low;
      high = value > high ? value : high;
    }
    limits.set(name, { low, high });
  });
  const histograms = new Map(
    [...limits].map(([name, limit]) => [name, { ...limit, counts: new Float64Array(BINS) }]),
  );
  await visit((name, values) => {
    const histogram = histograms.get(name);
    if (histogram === undefined) {
      return;
    }
    const { low, high, counts } = histogram;
    const perUnit = high > low ? (BINS - 1) / (high - low) : 0;
    const step = Math.ceil(values.length / SAMPLE);
    for (let index = 0; index < values.length; index += step) {
      const bin = Math.round((values[index]! - low) * perUnit);
      counts[bin] = counts[bin]! + 1;
    }
  });
  await session.release();
  return histograms;
}
