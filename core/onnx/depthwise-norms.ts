import { floatOf, floatTensor, type OnnxGraph, type OnnxTensor } from './onnx-model.js';

/** Of ONNX's BatchNormalization. */
const DEFAULT_EPSILON = 1e-5;

/**
 * Batch norms as depthwise 1x1 convolutions, which can be quantised: each channel has one weight of its own
 * scale, so its int8 form is exact.
 */
export function withDepthwiseNorms(graph: OnnxGraph): OnnxGraph {
  const tensors = new Map(graph.initializers.map((tensor) => [tensor.name, tensor]));
  const added: OnnxTensor[] = [];
  const nodes = graph.nodes.map((node) => {
    if (node.op !== 'BatchNormalization') {
      return node;
    }
    const [input = '', ...names] = node.inputs;
    const [gain, bias, mean, variance] = names.map((name) => floatsOf(tensors.get(name)));
    if (!gain || !bias || !mean || !variance) {
      return node;
    }
    const epsilon = floatOf(node, 'epsilon') ?? DEFAULT_EPSILON;
    const scale = gain.map(
      (value, channel) => value / Math.sqrt((variance[channel] ?? NaN) + epsilon),
    );
    const shift = bias.map(
      (value, channel) => value - (scale[channel] ?? NaN) * (mean[channel] ?? NaN),
    );
    const channels = scale.length;
    const [output = ''] = node.outputs;
    added.push(
      floatTensor(`${output}.scale`, [channels, 1, 1, 1], scale),
      floatTensor(`${output}.shift`, [channels], shift),
    );
    return {
      op: 'Conv',
      inputs: [input, `${output}.scale`, `${output}.shift`],
      outputs: node.outputs,
      attributes: { group: { int: channels }, kernel_shape: { ints: [1, 1] } },
    };
  });
  const used = new Set(nodes.flatMap(({ inputs }) => inputs));
  return {
    ...graph,
    nodes,
    initializers: [...graph.initializers, ...added].filter(({ name }) => used.has(name)),
  };
}

function floatsOf(tensor: OnnxTensor | undefined): Float32Array | undefined {
  return tensor?.type === 'float32' ? tensor.values : undefined;
}
