import {
  floatTensor,
  hasPlainWindows,
  intsOf,
  type OnnxGraph,
  type OnnxNode,
  type OnnxTensor,
} from './onnx-model.js';

const BLOCK = 2;
/** The runtime's int8 kernel multiplies so many at a time: one channel takes it as long as four. */
const CHANNELS = BLOCK * BLOCK;

/**
 * The convolution of a grey image in steps of two as one of four channels in steps of one: each block of 2x2 pixels
 * becomes one pixel of four channels (SpaceToDepth). The same products are added up, and in int8 in two fifths of the
 * time.
 *
 * Of images with an odd number of rows or columns, or an unknown one, the graph stays as it is.
 */
export function withFoldedStem(graph: OnnxGraph): OnnxGraph {
  for (const image of graph.inputs) {
    const readers = graph.nodes.filter(({ inputs }) => inputs.includes(image.name));
    const [stem, ...others] = readers;
    const weight = graph.initializers.find(({ name }) => name === stem?.inputs[1]);
    const folding = stem && others.length === 0 && foldingOf(stem, weight, image.shape);
    if (stem !== undefined && folding) {
      return replaced(graph, stem, folding);
    }
  }
  return graph;
}

interface Folding {
  readonly weight: OnnxTensor;
  readonly attributes: NonNullable<OnnxNode['attributes']>;
}

function foldingOf(
  stem: OnnxNode,
  weight: OnnxTensor | undefined,
  [, channels, ...sides]: readonly (number | string)[] = [],
): Folding | undefined {
  const steps = intsOf(stem, 'strides')?.join();
  if (
    stem.op !== 'Conv' ||
    weight?.type !== 'float32' ||
    channels !== 1 ||
    steps !== [BLOCK, BLOCK].join() ||
    !hasPlainWindows(stem)
  ) {
    return undefined;
  }
  const [outputs = 0, , rows = 0, columns = 0] = weight.dims;
  const [top = 0, left = 0, bottom = 0, right = 0] = intsOf(stem, 'pads') ?? [];
  const vertical = foldAxis(sides[0], rows, top, bottom);
  const horizontal = foldAxis(sides[1], columns, left, right);
  if (vertical === undefined || horizontal === undefined) {
    return undefined;
  }
  const plane = vertical.taps * horizontal.taps;
  const values = new Float32Array(outputs * CHANNELS * plane);
  weight.values.forEach((value, index) => {
    const output = Math.floor(index / (rows * columns));
    const y = (Math.floor(index / columns) % rows) + vertical.shift;
    const x = (index % columns) + horizontal.shift;
    const channel = BLOCK * (y % BLOCK) + (x % BLOCK);
    const tap = Math.floor(y / BLOCK) * horizontal.taps + Math.floor(x / BLOCK);
    values[(output * CHANNELS + channel) * plane + tap] = value;
  });
  const shape = [outputs, CHANNELS, vertical.taps, horizontal.taps];
  return {
    weight: floatTensor(`${stem.outputs[0] ?? ''}.folded`, shape, values),
    attributes: {
      kernel_shape: { ints: [vertical.taps, horizontal.taps] },
      pads: { ints: [vertical.before, horizontal.before, vertical.after, horizontal.after] },
    },
  };
}

/**
 * Along one axis. Output o saw the pixels from 2 o - `before` on; it sees the blocks from o - ceil(`before` / 2) on, in
 * which the first weight is `shift` pixels further.
 */
function foldAxis(side: number | string | undefined, taps: number, before: number, after: number) {
  if (typeof side !== 'number' || side % BLOCK !== 0) {
    return undefined;
  }
  const blocksBefore = Math.ceil(before / BLOCK);
  const shift = BLOCK * blocksBefore - before;
  const blockTaps = Math.ceil((taps + shift) / BLOCK);
  const outputs = Math.floor((side + before + after - taps) / BLOCK) + 1;
  const blocksAfter = outputs - 1 + blockTaps - blocksBefore - side / BLOCK;
  return { taps: blockTaps, shift, before: blocksBefore, after: blocksAfter };
}

function replaced(graph: OnnxGraph, stem: OnnxNode, { weight, attributes }: Folding): OnnxGraph {
  const [image = '', , ...bias] = stem.inputs;
  const blocks = `${image}.blocks`;
  const nodes = graph.nodes.flatMap((node): readonly OnnxNode[] =>
    node === stem
      ? [
          {
            op: 'SpaceToDepth',
            inputs: [image],
            outputs: [blocks],
            attributes: { blocksize: { int: BLOCK } },
          },
          {
            op: 'Conv',
            inputs: [blocks, weight.name, ...bias],
            outputs: stem.outputs,
            attributes,
          },
        ]
      : [node],
  );
  const used = new Set(nodes.flatMap(({ inputs }) => inputs));
  return {
    ...graph,
    nodes,
    initializers: [...graph.initializers, weight].filter(({ name }) => used.has(name)),
  };
}
