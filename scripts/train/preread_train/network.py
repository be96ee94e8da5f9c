"""The shipped graph: frozen backbone, class-activation maps, their mean, a bias.

With F the stacked taps [C, h, w], m_r the 0/1 row mask of region r and A_r [k, C] its weights:
evidence[k, y, x] = sum over r of m_r[y] (A_r F[:, y, x])[k]. Since the regional features are sums over the
masked cells divided by h w, the linear head on them is exactly mean over y, x of evidence + b.
cam = evidence - evidence of the average training image, so that 0 is "as in the average chest" and what
is the same in every image (borders, background) does not glow; the bias grows by the mean of what was
subtracted, and logit = mean over y, x of cam + bias still holds exactly.
"""

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from .backbone import Backbone
from .features import REGIONS, TAPS, region_masks, stack_taps

OPSET = 13
IR_VERSION = 8
INPUT = 'image'


def split_regions(weight):
    """[k, regions * C] to [regions, k, C]."""
    return weight.reshape(weight.shape[0], len(REGIONS), -1).transpose(1, 0, 2)


def evidence(stacked, weight):
    """numpy [C, cells, cells] and [k, regions * C] to [k, cells, cells]."""
    masks = region_masks(stacked.shape[-1])
    return np.einsum('rkc,chw,rh->khw', split_regions(weight), stacked, masks, optimize=True)


def centre(weight, bias, average_map):
    """(average [k, cells, cells], bias [k]) for maps that are differences from the average image."""
    average = evidence(average_map, weight)
    return average, bias + average.mean(axis=(1, 2))


def reference(layers, weight, average, bias):
    """The network in double precision, on the float32 constants of the file: images to (logits, cams)."""
    network = Backbone(layers, TAPS).double()
    weight, average, bias = (array.astype(np.float32).astype(np.float64) for array in (weight, average, bias))

    def predict(images):
        with torch.no_grad():
            stacked = stack_taps(network(torch.from_numpy(images).double())).numpy()
        cams = np.stack([evidence(one, weight) - average for one in stacked])
        return cams.mean(axis=(2, 3)) + bias, cams

    return predict


class GraphBuilder:
    """Collects nodes and constants; `add` returns the name of the node's one output."""

    def __init__(self):
        self.nodes = []
        self.initialisers = []

    def constant(self, name, array):
        self.initialisers.append(numpy_helper.from_array(np.ascontiguousarray(array, np.float32), name))
        return name

    def add(self, operator, inputs, output, **attributes):
        self.nodes.append(helper.make_node(operator, inputs, [output], name=f'{output}:{operator}', **attributes))
        return output


def add_backbone(graph, layers):
    """Returns the output name of each tap."""
    current, taps = INPUT, {}
    for layer in layers:
        before, after = layer.pads
        weight = graph.constant(f'{layer.name}.weight', layer.weight)
        bias = graph.constant(f'{layer.name}.bias', layer.bias)
        convolved = graph.add(
            'Conv', [current, weight, bias], f'{layer.name}.conv', kernel_shape=list(layer.weight.shape[2:]),
            strides=[layer.stride] * 2, pads=[before, before, after, after], group=layer.groups,
        )
        current = graph.add('Relu', [convolved], f'{layer.name}.out')
        if layer.name in TAPS:
            taps[layer.name] = current
    return taps


def add_heads(graph, taps, widths, weight, average, bias):
    """The maps of each tap and region, added up over the taps, masked, added up over the regions."""
    cells = average.shape[-1]
    findings, regions = weight.shape[0], len(REGIONS)
    by_region = split_regions(weight)
    start, parts = 0, []
    for tap in TAPS:
        kernel = by_region[:, :, start : start + widths[tap]].reshape(regions * findings, widths[tap], 1, 1)
        start += widths[tap]
        block = cells_per_cell(tap)
        features = taps[tap]
        if block > 1:
            features = graph.add(
                'AveragePool', [features], f'{tap}.pooled', kernel_shape=[block, block], strides=[block, block]
            )
        parts.append(
            graph.add('Conv', [features, graph.constant(f'{tap}.head', kernel)], f'{tap}.maps', kernel_shape=[1, 1])
        )
    total = parts[0]
    for part in parts[1:]:
        total = graph.add('Add', [total, part], f'{part}.sum')
    masks = np.repeat(region_masks(cells), findings, axis=0).reshape(1, regions * findings, cells, 1)
    masked = graph.add('Mul', [total, graph.constant('regions.mask', masks)], 'regions.masked')
    # Adds up the regions of each finding: a fixed 1x1 convolution runs on every provider.
    gather = np.tile(np.eye(findings), (1, regions)).reshape(findings, regions * findings, 1, 1)
    summed = graph.add('Conv', [masked, graph.constant('regions.sum', gather)], 'evidence', kernel_shape=[1, 1])
    graph.add('Sub', [summed, graph.constant('evidence.average', average[None])], 'cams')
    pooled = graph.add('GlobalAveragePool', ['cams'], 'cams.mean')
    flat = graph.add('Flatten', [pooled], 'cams.flat', axis=1)
    graph.add('Add', [flat, graph.constant('bias', bias.reshape(1, findings))], 'logits')


def cells_per_cell(tap):
    """How many cells of the tap, along one axis, are one cell of the last feature map."""
    block = int(tap.rsplit('_', 1)[1])
    return 8 if block <= 3 else 4 if block <= 5 else 2 if block <= 11 else 1


def build_onnx(layers, weight, average, bias, size, producer_version):
    """An onnx.ModelProto: image [N,1,S,S] -> logits [N,k], cams [N,k,S/32,S/32]."""
    findings, cells = weight.shape[0], size // 32
    graph = GraphBuilder()
    taps = add_backbone(graph, layers)
    widths = {layer.name: layer.weight.shape[0] for layer in layers}
    add_heads(graph, taps, widths, weight, average, bias)
    proto = helper.make_graph(
        graph.nodes, 'preread-cxr14',
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ['N', 1, size, size])],
        [
            helper.make_tensor_value_info('logits', TensorProto.FLOAT, ['N', findings]),
            helper.make_tensor_value_info('cams', TensorProto.FLOAT, ['N', findings, cells, cells]),
        ],
        graph.initialisers,
    )
    model = helper.make_model(proto, opset_imports=[helper.make_opsetid('', OPSET)])
    model.ir_version = IR_VERSION
    model.producer_name = 'preread'
    model.producer_version = producer_version
    onnx.checker.check_model(model)
    return onnx.shape_inference.infer_shapes(model, strict_mode=True)
