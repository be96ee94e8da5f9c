/**
 * The part of the ONNX format that classifiers use, as plain data. Graphs are rewritten as data and become
 * a file in adapters/onnx.
 */
export interface OnnxModel {
  readonly irVersion: number;
  /** Version of the default operator set. */
  readonly opset: number;
  readonly producer: string;
  readonly graph: OnnxGraph;
}

export interface OnnxGraph {
  readonly name: string;
  /** In topological order. */
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly OnnxTensor[];
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
}

export interface OnnxNode {
  readonly op: string;
  /** An empty text is an optional input that is left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, OnnxAttribute>>;
}

export type OnnxAttribute =
  | { readonly int: number }
  | { readonly ints: readonly number[] }
  | { readonly float: number }
  | { readonly floats: readonly number[] }
  | { readonly text: string };

/** A graph input or output of type float32. A text is a symbolic dimension; no shape is any shape. */
export interface OnnxValue {
  readonly name: string;
  readonly shape?: readonly (number | string)[];
}

export type OnnxTensor = { readonly name: string; readonly dims: readonly number[] } & (
  | { readonly type: 'float32'; readonly values: Float32Array }
  | { readonly type: 'int8'; readonly values: Int8Array }
  | { readonly type: 'uint8'; readonly values: Uint8Array }
  | { readonly type: 'int32'; readonly values: Int32Array }
  | { readonly type: 'int64'; readonly values: BigInt64Array }
);

/** A float32 initializer. */
export function floatTensor(
  name: string,
  dims: readonly number[],
  values: Float32Array,
): OnnxTensor {
  return { name, dims, type: 'float32', values };
}
export function floatOf(node: OnnxNode, name: string): number | undefined {
  const attribute = node.attributes?.[name];
  return attribute !== undefined && 'float' in attribute ? attribute.float : undefined;
}

export function intsOf(node: OnnxNode, name: string): readonly number[] | undefined {
  const attribute = node.attributes?.[name];
  return attribute !== undefined && 'ints' in attribute ? attribute.ints : undefined;
}

/** Whether the windows of a convolution or pool take neighbouring pixels and are padded as `pads` says. */
export function hasPlainWindows(node: OnnxNode): boolean {
  const auto = node.attributes?.['auto_pad'];
  return (
    (auto === undefined || ('text' in auto && auto.text === 'NOTSET')) &&
    (intsOf(node, 'dilations') ?? []).every((step) => step === 1)
  );
}
