import type { OnnxGraph, OnnxNode } from './onnx-model.js';

/** Operators with an int8 kernel, and how many of their inputs are activations. */
const ACTIVATIONS: Readonly<Record<string, number>> = {
  Conv: 1,
  MaxPool: 1,
  AveragePool: 1,
  Add: 2,
  Concat: Infinity,
};
/** Operators whose output has the values of their inputs: one scale for both, and nothing is computed. */
const SAME_SCALE = new Set(['Concat', 'MaxPool']);
const RECTIFIERS = new Set(['Relu', 'Clip']);

export interface QuantisationPlan {
  readonly quantised: ReadonlySet<OnnxNode>;
  /** Rectifiers that the quantised output of the node before them performs, by cutting at 0. */
  readonly absorbed: ReadonlySet<OnnxNode>;
  /** The tensor that a node delivers in quantised form: behind the rectifier that it absorbs. */
  output(node: OnnxNode): string;
  /** The activations among a node's inputs. */
  activations(node: OnnxNode): readonly string[];
  /** Tensors that need a range. */
  readonly tensors: readonly string[];
  /** A name that all tensors of one scale share. */
  scaleOf(tensor: string): string;
  /** Convolutions that are quantised, by the name of their output: what `keep` may name. */
  readonly layers: readonly string[];
}

/**
 * What becomes int8: everything that leads to a rectified convolution. The head behind the last one is a
 * thousandth of the work and makes the logits, so it stays as it is, like the layers that are to be kept.
 *
 * @param keep outputs of convolutions that stay in fp32
 */
export function planQuantisation(
  graph: OnnxGraph,
  keep: ReadonlySet<string> = new Set(),
): QuantisationPlan {
  const constants = new Set(graph.initializers.map(({ name }) => name));
  const consumers = new Map<string, OnnxNode[]>();
  for (const node of graph.nodes) {
    for (const input of node.inputs) {
      consumers.set(input, [...(consumers.get(input) ?? []), node]);
    }
  }
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const rectifierOf = (node: OnnxNode): OnnxNode | undefined => {
    const [only, ...others] = consumers.get(node.outputs[0] ?? '') ?? [];
    const absorbs = node.op === 'Conv' || node.op === 'Add';
    return absorbs &&
      others.length === 0 &&
      only !== undefined &&
      RECTIFIERS.has(only.op) &&
      !outputs.has(node.outputs[0] ?? '')
      ? only
      : undefined;
  };

  const wanted = leadingTo(graph, (node) => node.op === 'Conv' && rectifierOf(node) !== undefined);
  const quantised = new Set<OnnxNode>();
  const absorbed = new Set<OnnxNode>();
  const layers: string[] = [];
  for (const node of graph.nodes) {
    const [output = ''] = node.outputs;
    const kept = keep.has(output) || outputs.has(output);
    if (!wanted.has(node) || !Object.hasOwn(ACTIVATIONS, node.op) || kept) {
      continue;
    }
    // Weights that are computed, and sums with a constant, are left alone.
    const fixed = node.inputs.slice(ACTIVATIONS[node.op]);
    const free = node.inputs.slice(0, ACTIVATIONS[node.op]);
    if (fixed.some((name) => !constants.has(name)) || free.some((name) => constants.has(name))) {
      continue;
    }
    quantised.add(node);
    const rectifier = rectifierOf(node);
    if (rectifier !== undefined) {
      absorbed.add(rectifier);
    }
    if (node.op === 'Conv') {
      layers.push(output);
    }
  }

  const output = (node: OnnxNode): string => {
    const rectifier = rectifierOf(node);
    return (rectifier && absorbed.has(rectifier) ? rectifier : node).outputs[0] ?? '';
  };
  const activations = (node: OnnxNode): readonly string[] =>
    node.inputs.slice(0, ACTIVATIONS[node.op]);
  const groups = createGroups();
  const tensors = new Set<string>();
  for (const node of quantised) {
    for (const tensor of [...activations(node), output(node)]) {
      tensors.add(tensor);
      if (SAME_SCALE.has(node.op)) {
        groups.join(tensor, output(node));
      }
    }
  }
  return {
    quantised,
    absorbed,
    output,
    activations,
    tensors: [...tensors],
    scaleOf: groups.find,
    layers,
  };
}

/** The nodes that something of what is looked for depends on, and those themselves. */
function leadingTo(graph: OnnxGraph, goal: (node: OnnxNode) => boolean): ReadonlySet<OnnxNode> {
  const needed = new Set<string>();
  const found = new Set<OnnxNode>();
  for (const node of graph.nodes.toReversed()) {
    if (goal(node) || node.outputs.some((name) => needed.has(name))) {
      found.add(node);
      for (const input of node.inputs) {
        needed.add(input);
      }
    }
  }
  return found;
}

interface Groups {
  join(a: string, b: string): void;
  readonly find: (name: string) => string;
}

/** Disjoint sets of names. */
function createGroups(): Groups {
  const parents = new Map<string, string>();
  const find = (name: string): string => {
    let root = name;
    for (let next = parents.get(root); next !== undefined; next = parents.get(root)) {
      root = next;
    }
    return root;
  };
  return {
    find,
    join(a, b) {
      const [rootA, rootB] = [find(a), find(b)];
      if (rootA !== rootB) {
        parents.set(rootA, rootB);
      }
    },
  };
}
