import type { OnnxAttribute, OnnxGraph, OnnxNode, OnnxTensor } from './onnx-model.js';
import type { QuantisationPlan } from './quantisation-plan.js';

/** Values that a tensor takes. */
export interface TensorRange {
  readonly low: number;
  readonly high: number;
}

/** Largest magnitude of a signed weight; -128 is not used, so that the scale is symmetric. */
const WEIGHT_LEVELS = 127;
const ACTIVATION_LEVELS = 255;
/** Of an int32 bias; the sums of products need the rest. */
const LARGEST_BIAS = 2 ** 29;
/** Scales must not be 0, also where a channel's weights or a tensor's values all are. */
const SMALLEST_SCALE = 1e-12;

/**
 * The graph with QuantizeLinear and DequantizeLinear around what the plan quantises: uint8 activations with a
 * zero point, int8 weights with a scale for each output channel, int32 biases. The runtime fuses them into
 * integer kernels.
 *
 * @param ranges of every tensor that the plan lists
 */
export function quantiseGraph(
  graph: OnnxGraph,
  plan: QuantisationPlan,
  ranges: ReadonlyMap<string, TensorRange>,
): OnnxGraph {
  const rewriter = createRewriter(graph, activationScales(plan, ranges), plan);
  for (const node of graph.nodes) {
    if (plan.quantised.has(node)) {
      rewriter.quantised(node);
    } else if (!isAbsorbed(node, plan)) {
      rewriter.plain(node);
    }
  }
  const used = new Set(rewriter.nodes.flatMap(({ inputs }) => inputs));
  return {
    ...graph,
    nodes: rewriter.nodes,
    initializers: [...graph.initializers, ...rewriter.initializers].filter(({ name }) =>
      used.has(name),
    ),
  };
}

interface Scale {
  readonly scale: number;
  readonly zero: number;
}

/** By the group's name. The range holds 0, because padding and rectifiers need it to be exact. */
function activationScales(
  plan: QuantisationPlan,
  ranges: ReadonlyMap<string, TensorRange>,
): ReadonlyMap<string, Scale> {
  const widest = new Map<string, TensorRange>();
  for (const tensor of plan.tensors) {
    const { low, high } = ranges.get(tensor) ?? { low: 0, high: 0 };
    const group = plan.scaleOf(tensor);
    const known = widest.get(group) ?? { low: 0, high: 0 };
    widest.set(group, { low: Math.min(known.low, low), high: Math.max(known.high, high) });
  }
  return new Map(
    [...widest].map(([group, { low, high }]) => {
      const scale = Math.fround(Math.max((high - low) / ACTIVATION_LEVELS, SMALLEST_SCALE));
      return [group, { scale, zero: Math.round(-low / scale) }];
    }),
  );
}

function isAbsorbed(node: OnnxNode, plan: QuantisationPlan): boolean {
  return plan.absorbed.has(node);
}

interface Rewriter {
  readonly nodes: OnnxNode[];
  readonly initializers: OnnxTensor[];
  quantised(node: OnnxNode): void;
  plain(node: OnnxNode): void;
}

function createRewriter(
  graph: OnnxGraph,
  scales: ReadonlyMap<string, Scale>,
  plan: QuantisationPlan,
): Rewriter {
  const nodes: OnnxNode[] = [];
  const initializers: OnnxTensor[] = [];
  const constants = new Map(graph.initializers.map((tensor) => [tensor.name, tensor]));
  const written = new Set<string>();
  /** Tensors whose float form exists behind DequantizeLinear alone. */
  const onlyQuantised = new Set<string>();

  function once(name: string, write: () => void): string {
    if (!written.has(name)) {
      written.add(name);
      write();
    }
    return name;
  }

  function scaleNames(tensor: string): [string, string] {
    const group = plan.scaleOf(tensor);
    const { scale, zero } = scaleOf(tensor);
    return [
      once(`${group}.scale`, () => {
        initializers.push({
          name: `${group}.scale`,
          dims: [],
          type: 'float32',
          values: Float32Array.of(scale),
        });
      }),
      once(`${group}.zero`, () => {
        initializers.push({
          name: `${group}.zero`,
          dims: [],
          type: 'uint8',
          values: Uint8Array.of(zero),
        });
      }),
    ];
  }

  function scaleOf(tensor: string): Scale {
    return scales.get(plan.scaleOf(tensor)) ?? { scale: 1, zero: 0 };
  }

  /** The tensor, through 8 bits and back. */
  function throughInt8(tensor: string, float: string): string {
    return once(`${tensor}.dq`, () => {
      const scale = scaleNames(tensor);
      nodes.push(
        { op: 'QuantizeLinear', inputs: [float, ...scale], outputs: [`${tensor}.q`] },
        { op: 'DequantizeLinear', inputs: [`${tensor}.q`, ...scale], outputs: [`${tensor}.dq`] },
      );
    });
  }

  function dequantised(
    name: string,
    tensor: OnnxTensor,
    channelScales: Float32Array,
    axis: number,
  ): string {
    return once(`${name}.dq`, () => {
      initializers.push(
        { ...tensor, name: `${name}.q` },
        {
          name: `${name}.scale`,
          dims: [channelScales.length],
          type: 'float32',
          values: channelScales,
        },
      );
      const attributes: Record<string, OnnxAttribute> = { axis: { int: axis } };
      nodes.push({
        op: 'DequantizeLinear',
        inputs: [`${name}.q`, `${name}.scale`],
        outputs: [`${name}.dq`],
        attributes,
      });
    });
  }

  /** Weights and bias of a convolution. A name of its own each: two layers may share a constant. */
  function parameters({ inputs, outputs }: OnnxNode): string[] {
    const [input = '', weightName = '', biasName] = inputs;
    const prefix = `${outputs[0] ?? ''}.`;
    const weight = constants.get(weightName);
    if (weight?.type !== 'float32') {
      return [weightName, ...(biasName === undefined ? [] : [biasName])];
    }
    const bias = biasName === undefined ? undefined : constants.get(biasName);
    const inputScale = scaleOf(input).scale;
    const { values, scales: channelScales } = quantiseWeights(
      weight.values,
      weight.dims[0] ?? 1,
      (channel) =>
        bias?.type === 'float32'
          ? Math.abs(bias.values[channel] ?? 0) / (LARGEST_BIAS * inputScale)
          : 0,
    );
    const quantisedWeight: OnnxTensor = { name: '', dims: weight.dims, type: 'int8', values };
    const names = [dequantised(`${prefix}weight`, quantisedWeight, channelScales, 0)];
    if (bias?.type === 'float32') {
      const biasScales = channelScales.map((scale) => scale * inputScale);
      const quantisedBias: OnnxTensor = {
        name: '',
        dims: bias.dims,
        type: 'int32',
        values: Int32Array.from(bias.values, (value, channel) =>
          Math.round(value / (biasScales[channel] ?? 1)),
        ),
      };
      names.push(dequantised(`${prefix}bias`, quantisedBias, biasScales, 0));
    }
    return names;
  }

  const readable = (name: string): string => (onlyQuantised.has(name) ? `${name}.dq` : name);

  return {
    nodes,
    initializers,
    quantised(node) {
      const inputs = plan
        .activations(node)
        .map((tensor) =>
          onlyQuantised.has(tensor) ? `${tensor}.dq` : throughInt8(tensor, tensor),
        );
      const output = plan.output(node);
      const float = `${output}.f`;
      const more = node.op === 'Conv' ? parameters(node) : [];
      nodes.push({ ...node, inputs: [...inputs, ...more], outputs: [float] });
      throughInt8(output, float);
      onlyQuantised.add(output);
    },
    plain(node) {
      nodes.push({ ...node, inputs: node.inputs.map(readable) });
    },
  };
}

/**
 * Symmetric, a scale for each output channel, at least the given one: the bias must fit into 32 bits of
 * it. Weights: [channels, ...], row-major.
 */
function quantiseWeights(
  weights: Float32Array,
  channels: number,
  smallestScale: (channel: number) => number,
): { values: Int8Array; scales: Float32Array } {
  const each = weights.length / channels;
  const values = new Int8Array(weights.length);
  const scales = new Float32Array(channels);
  for (let channel = 0; channel < channels; channel += 1) {
    const row = weights.subarray(channel * each, (channel + 1) * each);
    const largest = row.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const scale = Math.fround(
      Math.max(largest / WEIGHT_LEVELS, smallestScale(channel), SMALLEST_SCALE),
    );
    scales[channel] = scale;
    row.forEach((value, index) => {
      values[channel * each + index] = Math.max(
        -WEIGHT_LEVELS,
        Math.min(WEIGHT_LEVELS, Math.round(value / scale)),
      );
    });
  }
  return { values, scales };
}
