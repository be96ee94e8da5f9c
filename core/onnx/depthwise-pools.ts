import {
  floatTensor,
  hasPlainWindows,
  intsOf,
  type OnnxGraph,
  type OnnxNode,
  type OnnxTensor,
} from './onnx-model.js';

/** Operators that leave the channels as they are. */
const SAME_CHANNELS = new Set(['Relu', 'Clip', 'MaxPool', 'AveragePool']);

/**
 * Average pools whose windows lie side by side as depthwise convolutions of equal weights, for which the runtime has a
 * fast int8 kernel: three of its average pools of 8 bits take a tenth of a DenseNet's time. Equal weights are exact in int8.
 *
 * Pools of whose input the channels are not known stay as they are.
 */
export function withDepthwisePools(graph: OnnxGraph): OnnxGraph {
  const channelsOf = channelCounter(graph);
  const added: OnnxTensor[] = [];
  const nodes = graph.nodes.map((node) => {
    const window = windowOf(node);
    const [input = ''] = node.inputs;
    const channels = channelsOf(input);
    if (window === undefined || channels === undefined) {
      return node;
    }
    const [rows, columns] = window;
    const name = `${node.outputs[0] ?? ''}.share`;
    const shares = new Float32Array(channels * rows * columns).fill(1 / (rows * columns));
    added.push(floatTensor(name, [channels, 1, rows, columns], shares));
    return {
      op: 'Conv',
      inputs: [input, name],
      outputs: node.outputs,
      attributes: {
        group: { int: channels },
        kernel_shape: { ints: window },
        strides: { ints: window },
      },
    };
  });
  return { ...graph, nodes, initializers: [...graph.initializers, ...added] };
}

/** Finds how many channels a tensor has, from the convolution that it comes from. */
function channelCounter(graph: OnnxGraph): (tensor: string) => number | undefined {
  const constants = new Map(graph.initializers.map((tensor) => [tensor.name, tensor]));
  const makers = new Map(graph.nodes.map((node) => [node.outputs[0] ?? '', node]));
  return (tensor) => {
    let maker = makers.get(tensor);
    while (maker !== undefined && SAME_CHANNELS.has(maker.op)) {
      maker = makers.get(maker.inputs[0] ?? '');
    }
    return maker?.op === 'Conv' ? constants.get(maker.inputs[1] ?? '')?.dims[0] : undefined;
  };
}

/** Rows and columns of an average pool whose windows lie side by side and within the image. */
function windowOf(node: OnnxNode): readonly [number, number] | undefined {
  const [rows, columns, ...more] = intsOf(node, 'kernel_shape') ?? [];
  const ceil = node.attributes?.['ceil_mode'];
  return node.op === 'AveragePool' &&
    rows !== undefined &&
    columns !== undefined &&
    more.length === 0 &&
    intsOf(node, 'strides')?.join() === [rows, columns].join() &&
    (intsOf(node, 'pads') ?? []).every((pad) => pad === 0) &&
    (ceil === undefined || ('int' in ceil && ceil.int === 0)) &&
    hasPlainWindows(node)
    ? [rows, columns]
    : undefined;
}
