import { PipelineError } from '../../core/errors.js';
import type {
  OnnxAttribute,
  OnnxModel,
  OnnxNode,
  OnnxTensor,
  OnnxValue,
} from '../../core/onnx/onnx-model.js';
import { modelProto } from './onnx-schema.js';

/** TensorProto.DataType and AttributeProto.AttributeType of onnx.proto. */
const DATA_TYPE = { float32: 1, uint8: 2, int8: 3, int32: 6, int64: 7 } as const;
const ATTRIBUTE_TYPE = { float: 1, int: 2, text: 3, floats: 6, ints: 7 } as const;

/** The bytes of an ONNX file. Equal models give equal bytes. */
export function encodeOnnx({ irVersion, opset, producer, graph }: OnnxModel): Buffer {
  const message = modelProto.create({
    irVersion,
    producerName: producer,
    opsetImport: [{ domain: '', version: opset }],
    graph: {
      name: graph.name,
      node: graph.nodes.map(encodeNode),
      initializer: graph.initializers.map(encodeTensor),
      input: graph.inputs.map(encodeValue),
      output: graph.outputs.map(encodeValue),
    },
  });
  return Buffer.from(modelProto.encode(message).finish());
}

/**
 * Reads an ONNX file of the plain operators. Throws `model-graph-mismatch` for what is not understood: a
 * rewritten graph must not lose anything.
 */
export function decodeOnnx(bytes: Uint8Array): OnnxModel {
  let proto: ModelProto;
  try {
    proto = modelProto.toObject(modelProto.decode(bytes), {
      longs: Number,
      arrays: true,
      defaults: true,
    }) as ModelProto;
  } catch (cause) {
    throw new PipelineError('model-graph-mismatch', 'The file is no ONNX model.', { cause });
  }
  const { graph, opsetImport, functions } = proto;
  const opset = opsetImport.find(({ domain }) => domain === '' || domain === 'ai.onnx');
  if (graph === null || opset === undefined) {
    throw notSupported('it has no graph of the standard operators');
  }
  if (functions.length > 0 || graph.sparseInitializer.length > 0) {
    throw notSupported('it has functions or sparse tensors');
  }
  const initializers = graph.initializer.map(decodeTensor);
  const names = new Set(initializers.map(({ name }) => name));
  return {
    irVersion: proto.irVersion,
    opset: opset.version,
    producer: proto.producerName,
    graph: {
      name: graph.name,
      nodes: graph.node.map(decodeNode),
      initializers,
      // Files before IR version 4 list the initializers among the inputs.
      inputs: graph.input.filter(({ name }) => !names.has(name)).map(decodeValue),
      outputs: graph.output.map(decodeValue),
    },
  };
}

interface ModelProto {
  readonly irVersion: number;
  readonly producerName: string;
  readonly opsetImport: readonly { readonly domain: string; readonly version: number }[];
  readonly functions: readonly unknown[];
  readonly graph: GraphProto | null;
}

interface GraphProto {
  readonly name: string;
  readonly node: readonly NodeProto[];
  readonly initializer: readonly TensorProto[];
  readonly input: readonly ValueProto[];
  readonly output: readonly ValueProto[];
  readonly sparseInitializer: readonly unknown[];
}

interface NodeProto {
  readonly input: string[];
  readonly output: string[];
  readonly opType: string;
  readonly domain: string;
  readonly attribute: readonly AttributeProto[];
}

interface AttributeProto {
  readonly name: string;
  readonly type: number;
  readonly f: number;
  readonly i: number;
  readonly s: Uint8Array;
  readonly floats: number[];
  readonly ints: number[];
}

interface TensorProto {
  readonly name: string;
  readonly dims: number[];
  readonly dataType: number;
  readonly rawData: Uint8Array;
  readonly floatData: number[];
  readonly int32Data: number[];
  readonly int64Data: number[];
  readonly dataLocation: number;
}

interface ValueProto {
  readonly name: string;
  readonly type: {
    readonly tensorType: {
      readonly elemType: number;
      readonly shape: { readonly dim: readonly DimensionProto[] } | null;
    } | null;
  } | null;
}

interface DimensionProto {
  readonly dimValue?: number;
  readonly dimParam?: string;
}

function encodeNode({ op, inputs, outputs, attributes = {} }: OnnxNode): object {
  return {
    input: inputs,
    output: outputs,
    name: outputs[0],
    opType: op,
    attribute: Object.entries(attributes).map(([name, value]) => encodeAttribute(name, value)),
  };
}

function encodeAttribute(name: string, attribute: OnnxAttribute): object {
  if ('int' in attribute) {
    return { name, type: ATTRIBUTE_TYPE.int, i: attribute.int };
  }
  if ('ints' in attribute) {
    return { name, type: ATTRIBUTE_TYPE.ints, ints: attribute.ints };
  }
  if ('float' in attribute) {
    return { name, type: ATTRIBUTE_TYPE.float, f: attribute.float };
  }
  if ('floats' in attribute) {
    return { name, type: ATTRIBUTE_TYPE.floats, floats: attribute.floats };
  }
  return { name, type: ATTRIBUTE_TYPE.text, s: Buffer.from(attribute.text) };
}

function encodeTensor({ name, dims, type, values }: OnnxTensor): object {
  const rawData = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return { name, dims, dataType: DATA_TYPE[type], rawData };
}

function encodeValue({ name, shape }: OnnxValue): object {
  const dim = shape?.map((size) =>
    typeof size === 'number' ? { dimValue: size } : { dimParam: size },
  );
  const tensorType = { elemType: DATA_TYPE.float32, ...(dim && { shape: { dim } }) };
  return { name, type: { tensorType } };
}

function decodeNode({ opType, input, output, domain, attribute }: NodeProto): OnnxNode {
  if (domain !== '' && domain !== 'ai.onnx') {
    throw notSupported(`it uses the operator ${domain}.${opType}`);
  }
  const attributes = Object.fromEntries(
    attribute.map((each) => [each.name, decodeAttribute(each)]),
  );
  return { op: opType, inputs: input, outputs: output, attributes };
}

function decodeAttribute({ name, type, f, i, s, floats, ints }: AttributeProto): OnnxAttribute {
  switch (type) {
    case ATTRIBUTE_TYPE.float:
      return { float: f };
    case ATTRIBUTE_TYPE.int:
      return { int: i };
    case ATTRIBUTE_TYPE.text:
      return { text: Buffer.from(s).toString('utf8') };
    case ATTRIBUTE_TYPE.floats:
      return { floats };
    case ATTRIBUTE_TYPE.ints:
      return { ints };
    default:
      throw notSupported(`the attribute ${name} has the type ${type}`);
  }
}

function decodeTensor(tensor: TensorProto): OnnxTensor {
  const { name, dims, dataType, rawData, dataLocation } = tensor;
  if (dataLocation !== 0) {
    throw notSupported('its weights are in another file');
  }
  // A copy, because typed arrays need an aligned start.
  const raw = rawData.length > 0 ? Uint8Array.from(rawData).buffer : undefined;
  switch (dataType) {
    case DATA_TYPE.float32: {
      const values = raw ? new Float32Array(raw) : Float32Array.from(tensor.floatData);
      return { name, dims, type: 'float32', values };
    }
    case DATA_TYPE.int8: {
      const values = raw ? new Int8Array(raw) : Int8Array.from(tensor.int32Data);
      return { name, dims, type: 'int8', values };
    }
    case DATA_TYPE.uint8: {
      const values = raw ? new Uint8Array(raw) : Uint8Array.from(tensor.int32Data);
      return { name, dims, type: 'uint8', values };
    }
    case DATA_TYPE.int32: {
      const values = raw ? new Int32Array(raw) : Int32Array.from(tensor.int32Data);
      return { name, dims, type: 'int32', values };
    }
    case DATA_TYPE.int64: {
      const values = raw
        ? new BigInt64Array(raw)
        : BigInt64Array.from(tensor.int64Data.map(BigInt));
      return { name, dims, type: 'int64', values };
    }
    default:
      throw notSupported(`the tensor ${name} has the type ${dataType}`);
  }
}

function decodeValue({ name, type }: ValueProto): OnnxValue {
  if (type?.tensorType?.elemType !== DATA_TYPE.float32) {
    throw notSupported(`${name} is no float32 tensor`);
  }
  const dims = type.tensorType.shape?.dim;
  const shape = dims?.map(({ dimValue, dimParam }) => dimValue ?? (dimParam || 'any'));
  return { name, ...(shape && { shape }) };
}

function notSupported(reason: string): PipelineError {
  return new PipelineError('model-graph-mismatch', `The graph cannot be rewritten: ${reason}.`);
}
