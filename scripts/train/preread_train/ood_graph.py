"""The ONNX side of the output `ood`: the features that its head reads, and the graph with the head added."""

import hashlib

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

FEATURES = 'conv_pw_12.out'
OUTPUT = 'ood'


class Trunk:
    """The convolutions of an ONNX file from its input to FEATURES, run by PyTorch, pooled to [N, 1024]."""

    def __init__(self, model):
        constants = {t.name: torch.from_numpy(numpy_helper.to_array(t).copy()) for t in model.graph.initializer}
        made_by = {node.output[0]: node for node in model.graph.node}
        self.steps = []
        name = FEATURES
        digest = hashlib.sha256()
        while name in made_by:
            node = made_by[name]
            attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
            values = [constants[i] for i in node.input[1:]]
            self.steps.insert(0, (node.op_type, attributes, values))
            digest.update(node.op_type.encode() + b''.join(v.numpy().tobytes() for v in values))
            name = node.input[0]
        self.sha256 = digest.hexdigest()

    def __call__(self, planes):
        """int8 or float32 [N, S, S] in -1..1 to float32 [N, 1024]."""
        pooled = []
        with torch.no_grad():
            for start in range(0, len(planes), 16):
                x = torch.from_numpy(np.asarray(planes[start : start + 16], np.float32))[:, None]
                for operator, attributes, values in self.steps:
                    x = self.run(operator, attributes, values, x)
                pooled.append(x.mean((2, 3)).numpy())
        return np.concatenate(pooled)

    @staticmethod
    def run(operator, attributes, values, x):
        if operator == 'Conv':
            top, left, bottom, right = attributes['pads']
            x = torch.nn.functional.pad(x, (left, right, top, bottom))
            return torch.nn.functional.conv2d(
                x, values[0], values[1], attributes['strides'][0], groups=attributes['group']
            )
        if operator == 'Relu':
            return torch.relu(x)
        if operator == 'Clip':
            return torch.clamp(x, float(values[0]), float(values[1]))
        raise ValueError(f'the trunk has the operator {operator}')


def with_output(model, weight, bias):
    """The graph with the head added; one that is there already is replaced."""
    graph = model.graph
    for nodes in (graph.node, graph.output, graph.initializer, graph.value_info):
        kept = [item for item in nodes if not item.name.startswith(OUTPUT)]
        del nodes[:]
        nodes.extend(kept)
    constants = {f'{OUTPUT}.weight': weight.reshape(-1, 1), f'{OUTPUT}.bias': np.array([bias])}
    graph.initializer.extend(numpy_helper.from_array(v.astype(np.float32), k) for k, v in constants.items())
    graph.node.extend([
        helper.make_node('GlobalAveragePool', [FEATURES], [f'{OUTPUT}.pooled'], name=f'{OUTPUT}.pooled'),
        helper.make_node('Flatten', [f'{OUTPUT}.pooled'], [f'{OUTPUT}.flat'], name=f'{OUTPUT}.flat', axis=1),
        helper.make_node('Gemm', [f'{OUTPUT}.flat', *constants], [OUTPUT], name=f'{OUTPUT}.gemm'),
    ])
    graph.output.append(helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ['N', 1]))
    onnx.checker.check_model(model)
    return model
