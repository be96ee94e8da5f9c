import { floatTensor, type OnnxGraph } from './onnx-model.js';

/**
 * The graph with a constant added to outputs. Rounding in a quantised network shifts its outputs by a mean
 * that is the same for most images, and thresholds that were set on exact outputs are moved by as much
 * (bias correction: Nagel et al. 2019, arXiv:1906.04721).
 *
 * @param biases by the output's name, one value for each of its columns
 */
export function withOutputBias(
  graph: OnnxGraph,
  biases: ReadonlyMap<string, Float32Array>,
): OnnxGraph {
  const raw = (tensor: string): string => (biases.has(tensor) ? `${tensor}.uncorrected` : tensor);
  return {
    ...graph,
    nodes: [
      ...graph.nodes.map((node) => ({
        ...node,
        inputs: node.inputs.map(raw),
        outputs: node.outputs.map(raw),
      })),
      ...[...biases.keys()].map((name) => ({
        op: 'Add',
        inputs: [raw(name), `${name}.correction`],
        outputs: [name],
      })),
    ],
    initializers: [
      ...graph.initializers,
      ...[...biases].map(([name, values]) =>
        floatTensor(`${name}.correction`, [1, values.length], values),
      ),
    ],
  };
}
