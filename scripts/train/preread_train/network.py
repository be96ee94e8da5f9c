"""The shipped graph: frozen backbone, 1x1 convolution to class-activation maps, mean, bias.

With F the feature map [C, h, w], W [k, C] and b [k]: cam = W F and logit = mean over h, w of cam + b,
which is the linear head applied to the globally averaged features. The two are the same number.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 13
IR_VERSION = 8
INPUT = 'image'


def build_onnx(layers, weight, bias, size, producer_version):
    """An onnx.ModelProto: image [N,1,S,S] -> logits [N,k], cams [N,k,S/32,S/32]."""
    nodes, initialisers = [], []

    def constant(name, array):
        initialisers.append(numpy_helper.from_array(np.ascontiguousarray(array, np.float32), name))
        return name

    constant('zero', np.array(0.0))
    constant('six', np.array(6.0))
    current = INPUT
    for layer in layers:
        before, after = layer.pads
        nodes.append(helper.make_node(
            'Conv',
            [current, constant(f'{layer.name}.weight', layer.weight), constant(f'{layer.name}.bias', layer.bias)],
            [f'{layer.name}.conv'], name=layer.name,
            kernel_shape=list(layer.weight.shape[2:]), strides=[layer.stride] * 2,
            pads=[before, before, after, after], group=layer.groups,
        ))
        nodes.append(helper.make_node(
            'Clip', [f'{layer.name}.conv', 'zero', 'six'], [f'{layer.name}.out'], name=f'{layer.name}.relu6',
        ))
        current = f'{layer.name}.out'
    findings, channels = weight.shape
    constant('head.weight', weight.reshape(findings, channels, 1, 1))
    constant('head.bias', bias.reshape(1, findings))
    nodes.append(helper.make_node('Conv', [current, 'head.weight'], ['cams'], name='head', kernel_shape=[1, 1]))
    nodes.append(helper.make_node('GlobalAveragePool', ['cams'], ['pooled'], name='pool'))
    nodes.append(helper.make_node('Flatten', ['pooled'], ['flat'], name='flatten', axis=1))
    nodes.append(helper.make_node('Add', ['flat', 'head.bias'], ['logits'], name='add_bias'))
    cells = size // 32
    graph = helper.make_graph(
        nodes, 'preread-cxr14',
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ['N', 1, size, size])],
        [
            helper.make_tensor_value_info('logits', TensorProto.FLOAT, ['N', findings]),
            helper.make_tensor_value_info('cams', TensorProto.FLOAT, ['N', findings, cells, cells]),
        ],
        initialisers,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', OPSET)])
    model.ir_version = IR_VERSION
    model.producer_name = 'preread'
    model.producer_version = producer_version
    onnx.checker.check_model(model)
    return onnx.shape_inference.infer_shapes(model)
