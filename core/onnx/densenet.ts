import { PipelineError } from '../errors.js';
import type { StateDict, Weights } from '../pytorch/state-dict.js';
import { floatTensor, type OnnxModel, type OnnxNode, type OnnxTensor } from './onnx-model.js';

/** What torch.nn.BatchNorm2d adds to a variance; DenseNet keeps the default. */
const EPSILON = 1e-5;
/** Opset 13 has everything, and per-channel quantisation; every provider of the runtime has it. */
const OPSET = 13;
const IR_VERSION = 8;

export interface DenseNetOptions {
  /** Side of the square input, in pixels. */
  readonly size: number;
  /** Rows of the classifier that become findings, in this order. Default: all. */
  readonly outputs?: readonly number[];
}

export interface DenseNetGraph {
  readonly model: OnnxModel;
  readonly channels: number;
  readonly findings: number;
}

/**
 * A DenseNet (Huang et al. 2017, as torchvision names it) from its weights: block lengths, growth and widths
 * are read off the tensors. Input `image` [N, channels, size, size]; outputs `logits` [N, findings], before any
 * sigmoid, and `cams` [N, findings, h, w], whose mean plus the bias is the logit.
 *
 * A batch norm behind a convolution (norm0, norm2) is folded into it. norm1, the transitions' and the last one
 * stand behind a concatenation and before a ReLU: they stay. The transitions' average pooling moves before
 * their 1x1 convolution, with which it commutes: a quarter of the work.
 *
 * Throws `checkpoint-invalid` naming the tensor that is missing or has another shape.
 */
export function buildDenseNet(weights: StateDict, options: DenseNetOptions): DenseNetGraph {
  const state = renamed(weights);
  const graph = new GraphBuilder(state);
  const [, channels = 0] = graph.shape('features.conv0.weight', 4);
  let value = graph.conv('image', 'features.conv0', 'features.norm0', { stride: 2, pad: 3 });
  value = graph.node('Relu', [value]);
  value = graph.node('MaxPool', [value], {
    kernel_shape: { ints: [3, 3] },
    strides: { ints: [2, 2] },
    pads: { ints: [1, 1, 1, 1] },
  });
  for (let block = 1; state.has(layerKey(block, 1)); block += 1) {
    value = denseBlock(graph, state, value, block);
    const transition = `features.transition${block}`;
    if (state.has(`${transition}.conv.weight`)) {
      value = graph.batchNorm(value, `${transition}.norm`);
      value = graph.node('Relu', [value]);
      value = graph.node('AveragePool', [value], {
        kernel_shape: { ints: [2, 2] },
        strides: { ints: [2, 2] },
      });
      value = graph.conv(value, `${transition}.conv`, undefined, { stride: 1, pad: 0 });
    }
  }
  value = graph.batchNorm(value, 'features.norm5');
  value = graph.node('Relu', [value]);
  const findings = graph.head(value, options.outputs);
  return {
    channels,
    findings,
    model: {
      irVersion: IR_VERSION,
      opset: OPSET,
      producer: 'preread',
      graph: {
        name: 'densenet',
        nodes: graph.nodes,
        initializers: graph.initializers,
        inputs: [{ name: 'image', shape: ['N', channels, options.size, options.size] }],
        outputs: [
          { name: 'logits', shape: ['N', findings] },
          { name: 'cams', shape: ['N', findings, 'h', 'w'] },
        ],
      },
    },
  };
}

function denseBlock(graph: GraphBuilder, state: StateDict, input: string, block: number): string {
  let value = input;
  for (let layer = 1; state.has(layerKey(block, layer)); layer += 1) {
    const prefix = `features.denseblock${block}.denselayer${layer}`;
    let inner = graph.batchNorm(value, `${prefix}.norm1`);
    inner = graph.node('Relu', [inner]);
    inner = graph.conv(inner, `${prefix}.conv1`, `${prefix}.norm2`, { stride: 1, pad: 0 });
    inner = graph.node('Relu', [inner]);
    inner = graph.conv(inner, `${prefix}.conv2`, undefined, { stride: 1, pad: 1 });
    value = graph.node('Concat', [value, inner], { axis: { int: 1 } });
  }
  return value;
}

function layerKey(block: number, layer: number): string {
  return `features.denseblock${block}.denselayer${layer}.norm1.weight`;
}

/** Checkpoints of torchvision before 0.2.1 have `norm.1` where later ones have `norm1`. */
function renamed(state: StateDict): StateDict {
  return new Map(
    [...state].map(([name, weights]) => [
      name.replace(/(denselayer\d+\.(?:norm|conv))\.(\d\.)/, '$1$2'),
      weights,
    ]),
  );
}

interface ConvShape {
  readonly stride: number;
  readonly pad: number;
}

class GraphBuilder {
  readonly nodes: OnnxNode[] = [];
  readonly initializers: OnnxTensor[] = [];
  private values = 0;

  private readonly state: StateDict;

  constructor(state: StateDict) {
    this.state = state;
  }

  node(op: string, inputs: readonly string[], attributes?: OnnxNode['attributes']): string {
    this.values += 1;
    const output = `${op.toLowerCase()}_${this.values}`;
    this.nodes.push({ op, inputs, outputs: [output], ...(attributes && { attributes }) });
    return output;
  }

  shape(name: string, dimensions: number): readonly number[] {
    const { shape } = this.weights(name);
    if (shape.length !== dimensions || shape.includes(0)) {
      throw notADenseNet(`${name} has the shape [${shape.join(', ')}]`);
    }
    return shape;
  }

  /** A convolution without padding of its own bias; the batch norm behind it, if any, folded in. */
  conv(input: string, name: string, norm: string | undefined, { stride, pad }: ConvShape): string {
    const shape = this.shape(`${name}.weight`, 4);
    const [filters = 0, , height = 0, width = 0] = shape;
    const { values } = this.weights(`${name}.weight`);
    const inputs = [input, `${name}.weight`];
    let scaled = values;
    if (norm !== undefined) {
      const { scale, shift } = this.affine(norm, filters);
      const each = values.length / filters;
      scaled = values.map((value, index) => value * (scale[Math.floor(index / each)] ?? 0));
      this.initializers.push(floatTensor(`${name}.bias`, [filters], Float32Array.from(shift)));
      inputs.push(`${name}.bias`);
    }
    this.initializers.push(floatTensor(`${name}.weight`, shape, scaled));
    return this.node('Conv', inputs, {
      kernel_shape: { ints: [height, width] },
      strides: { ints: [stride, stride] },
      pads: { ints: [pad, pad, pad, pad] },
    });
  }

  batchNorm(input: string, name: string): string {
    const names = ['weight', 'bias', 'running_mean', 'running_var'].map(
      (part) => `${name}.${part}`,
    );
    const [channels = 0] = this.shape(`${name}.weight`, 1);
    for (const each of names) {
      this.initializers.push(floatTensor(each, [channels], this.vector(each, channels)));
    }
    return this.node('BatchNormalization', [input, ...names], { epsilon: { float: EPSILON } });
  }

  /** The classifier as a 1x1 convolution, so that its maps are at hand. */
  head(input: string, rows: readonly number[] | undefined): number {
    const [outputs = 0, features = 0] = this.shape('classifier.weight', 2);
    const { values } = this.weights('classifier.weight');
    const bias = this.vector('classifier.bias', outputs);
    const kept = rows ?? Array.from({ length: outputs }, (_, row) => row);
    if (kept.some((row) => row < 0 || row >= outputs)) {
      throw notADenseNet(`its classifier has ${outputs} outputs`);
    }
    const matrix = new Float32Array(kept.length * features);
    for (const [index, row] of kept.entries()) {
      matrix.set(values.subarray(row * features, (row + 1) * features), index * features);
    }
    const keptBias = Float32Array.from(kept, (row) => bias[row] ?? NaN);
    this.initializers.push(
      floatTensor('classifier.weight', [kept.length, features, 1, 1], matrix),
      floatTensor('classifier.bias', [kept.length], keptBias),
    );
    this.nodes.push(
      {
        op: 'Conv',
        inputs: [input, 'classifier.weight'],
        outputs: ['cams'],
        attributes: { kernel_shape: { ints: [1, 1] } },
      },
      { op: 'GlobalAveragePool', inputs: ['cams'], outputs: ['pooled'] },
      {
        op: 'Flatten',
        inputs: ['pooled'],
        outputs: ['evidence'],
        attributes: { axis: { int: 1 } },
      },
      { op: 'Add', inputs: ['evidence', 'classifier.bias'], outputs: ['logits'] },
    );
    return kept.length;
  }

  /** A batch norm as scale and shift, in float64. */
  private affine(name: string, channels: number): { scale: number[]; shift: number[] } {
    const part = (suffix: string): Float32Array => this.vector(`${name}.${suffix}`, channels);
    const [weight, bias, mean, variance] = [
      part('weight'),
      part('bias'),
      part('running_mean'),
      part('running_var'),
    ];
    const scale = Array.from(
      weight,
      (value, index) => value / Math.sqrt((variance[index] ?? NaN) + EPSILON),
    );
    const shift = scale.map((value, index) => (bias[index] ?? NaN) - value * (mean[index] ?? NaN));
    return { scale, shift };
  }

  private vector(name: string, length: number): Float32Array {
    const { shape, values } = this.weights(name);
    if (shape.length !== 1 || values.length !== length) {
      throw notADenseNet(`${name} has the shape [${shape.join(', ')}], not [${length}]`);
    }
    return values;
  }

  private weights(name: string): Weights {
    const weights = this.state.get(name);
    if (weights === undefined) {
      throw notADenseNet(`it has no ${name}`);
    }
    if (!weights.values.every(Number.isFinite)) {
      throw notADenseNet(`${name} holds values that are no numbers`);
    }
    return weights;
  }
}

function notADenseNet(reason: string): PipelineError {
  return new PipelineError(
    'checkpoint-invalid',
    `The checkpoint is not a DenseNet that can be imported: ${reason}.`,
  );
}
