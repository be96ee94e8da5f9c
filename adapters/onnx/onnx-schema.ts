import protobuf from 'protobufjs/light.js';

const field = (type: string, id: number, rule?: 'repeated') => ({
  type,
  id,
  ...(rule && { rule }),
});

/**
 * The messages of onnx.proto (ONNX 1.13, proto3) that classifiers need, as protobufjs describes them.
 * Fields that are not listed are skipped when a file is read.
 */
const root = protobuf.Root.fromJSON({
  nested: {
    ModelProto: {
      fields: {
        irVersion: field('int64', 1),
        producerName: field('string', 2),
        graph: field('GraphProto', 7),
        opsetImport: field('OperatorSetIdProto', 8, 'repeated'),
        functions: field('bytes', 25, 'repeated'),
      },
    },
    OperatorSetIdProto: { fields: { domain: field('string', 1), version: field('int64', 2) } },
    GraphProto: {
      fields: {
        node: field('NodeProto', 1, 'repeated'),
        name: field('string', 2),
        initializer: field('TensorProto', 5, 'repeated'),
        input: field('ValueInfoProto', 11, 'repeated'),
        output: field('ValueInfoProto', 12, 'repeated'),
        sparseInitializer: field('bytes', 15, 'repeated'),
      },
    },
    NodeProto: {
      fields: {
        input: field('string', 1, 'repeated'),
        output: field('string', 2, 'repeated'),
        name: field('string', 3),
        opType: field('string', 4),
        attribute: field('AttributeProto', 5, 'repeated'),
        domain: field('string', 7),
      },
    },
    AttributeProto: {
      fields: {
        name: field('string', 1),
        f: field('float', 2),
        i: field('int64', 3),
        s: field('bytes', 4),
        t: field('TensorProto', 5),
        floats: field('float', 7, 'repeated'),
        ints: field('int64', 8, 'repeated'),
        type: field('int32', 20),
      },
    },
    TensorProto: {
      fields: {
        dims: field('int64', 1, 'repeated'),
        dataType: field('int32', 2),
        floatData: field('float', 4, 'repeated'),
        int32Data: field('int32', 5, 'repeated'),
        int64Data: field('int64', 7, 'repeated'),
        name: field('string', 8),
        rawData: field('bytes', 9),
        dataLocation: field('int32', 14),
      },
    },
    ValueInfoProto: { fields: { name: field('string', 1), type: field('TypeProto', 2) } },
    TypeProto: { fields: { tensorType: field('TypeProtoTensor', 1) } },
    TypeProtoTensor: {
      fields: { elemType: field('int32', 1), shape: field('TensorShapeProto', 2) },
    },
    TensorShapeProto: { fields: { dim: field('Dimension', 1, 'repeated') } },
    Dimension: {
      fields: { dimValue: field('int64', 1), dimParam: field('string', 2) },
      oneofs: { value: { oneof: ['dimValue', 'dimParam'] } },
    },
  },
});

export const modelProto = root.lookupType('ModelProto');
