/**
 * Just enough of the ONNX file format (protobuf, IR version 8, opset 13) to write small float32 graphs
 * for tests. Field numbers: onnx.proto of ONNX 1.13.
 */
const VARINT = 0;
const LENGTH_DELIMITED = 2;
const FLOAT32 = 1;
const ATTRIBUTE_INT = 2;
const ATTRIBUTE_INTS = 7;

export interface OnnxTensor {
  readonly name: string;
  readonly dims: readonly number[];
  readonly values: Float32Array;
}

export interface OnnxNode {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, number | readonly number[]>>;
}

/** A graph input or output. A text is a symbolic dimension. */
export interface OnnxValue {
  readonly name: string;
  readonly shape: readonly (number | string)[];
}

export interface OnnxGraph {
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly OnnxTensor[];
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
}

export function writeOnnx(graph: OnnxGraph): Buffer {
  const body = Buffer.concat([
    ...graph.nodes.map((node) => message(1, encodeNode(node))),
    text(2, 'test'),
    ...graph.initializers.map((tensor) => message(5, encodeTensor(tensor))),
    ...graph.inputs.map((value) => message(11, encodeValue(value))),
    ...graph.outputs.map((value) => message(12, encodeValue(value))),
  ]);
  const opset = Buffer.concat([text(1, ''), integer(2, 13)]);
  return Buffer.concat([integer(1, 8), message(7, body), message(8, opset)]);
}

function encodeNode({ op, inputs, outputs, attributes = {} }: OnnxNode): Buffer {
  return Buffer.concat([
    ...inputs.map((name) => text(1, name)),
    ...outputs.map((name) => text(2, name)),
    text(4, op),
    ...Object.entries(attributes).map(([name, value]) => message(5, encodeAttribute(name, value))),
  ]);
}

function encodeAttribute(name: string, value: number | readonly number[]): Buffer {
  return typeof value === 'number'
    ? Buffer.concat([text(1, name), integer(3, value), integer(20, ATTRIBUTE_INT)])
    : Buffer.concat([
        text(1, name),
        ...value.map((item) => integer(8, item)),
        integer(20, ATTRIBUTE_INTS),
      ]);
}

function encodeTensor({ name, dims, values }: OnnxTensor): Buffer {
  return Buffer.concat([
    ...dims.map((dim) => integer(1, dim)),
    integer(2, FLOAT32),
    text(8, name),
    message(9, Buffer.from(values.buffer, values.byteOffset, values.byteLength)),
  ]);
}

function encodeValue({ name, shape }: OnnxValue): Buffer {
  const dims = shape.map((dim) =>
    message(1, typeof dim === 'number' ? integer(1, dim) : text(2, dim)),
  );
  const tensorType = Buffer.concat([integer(1, FLOAT32), message(2, Buffer.concat(dims))]);
  return Buffer.concat([text(1, name), message(2, message(1, tensorType))]);
}

function integer(field: number, value: number): Buffer {
  return Buffer.concat([varint((field << 3) | VARINT), varint(value)]);
}

function text(field: number, value: string): Buffer {
  return message(field, Buffer.from(value));
}

function message(field: number, body: Buffer): Buffer {
  return Buffer.concat([varint((field << 3) | LENGTH_DELIMITED), varint(body.length), body]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) {
      return Buffer.from([...bytes, rest]);
    }
    bytes.push((rest % 128) | 128);
  }
}
