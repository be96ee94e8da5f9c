"""MobileNet v1 1.0 (Howard et al. 2017, arXiv:1704.04861) up to conv_pw_12, batch norm folded.

The weights come as Keras arrays (kernels HWIO, depthwise HWC1). The three input channels of conv1 get
the same grey image, so its kernel is summed over them: exact, and a third of the input.

The activation is ReLU where the paper has ReLU6: the heads on top discriminate equally well (see
../README.md) and onnxruntime runs the graph a sixth faster on a CPU.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

BATCH_NORM_EPSILON = 1e-3
LAST_BLOCK = 12
# Of the depthwise convolutions 1..12 of MobileNet v1; all others keep the size.
STRIDE_2_BLOCKS = (2, 4, 6, 12)


@dataclass(frozen=True)
class Layer:
    """A convolution with ReLU. weight: OIHW float32; bias: [O]; padding is TensorFlow's "same"."""

    name: str
    weight: np.ndarray
    bias: np.ndarray
    stride: int
    groups: int

    @property
    def pads(self):
        """(before, after) on both axes: "same" for stride 2 on an even size pads only after."""
        if self.weight.shape[2] == 1:
            return (0, 0)
        return (1, 1) if self.stride == 1 else (0, 1)


def load_layers(path):
    """The 25 folded layers, in order, from mobilenet_v1_1.0_224.npz."""
    arrays = np.load(path)

    def fold(kernel, name):
        gain = arrays[f'{name}.gamma'] / np.sqrt(arrays[f'{name}.moving_variance'] + BATCH_NORM_EPSILON)
        bias = arrays[f'{name}.beta'] - arrays[f'{name}.moving_mean'] * gain
        weight = np.ascontiguousarray(kernel * gain[:, None, None, None], dtype=np.float32)
        return weight, bias.astype(np.float32)

    grey_kernel = arrays['conv1.kernel'].sum(axis=2, keepdims=True).transpose(3, 2, 0, 1)
    layers = [Layer('conv1', *fold(grey_kernel, 'conv1_bn'), stride=2, groups=1)]
    for block in range(1, LAST_BLOCK + 1):
        depthwise = arrays[f'conv_dw_{block}.depthwise_kernel'].transpose(2, 3, 0, 1)
        stride = 2 if block in STRIDE_2_BLOCKS else 1
        folded = fold(depthwise, f'conv_dw_{block}_bn')
        layers.append(Layer(f'conv_dw_{block}', *folded, stride, groups=depthwise.shape[0]))
        pointwise = arrays[f'conv_pw_{block}.kernel'].transpose(3, 2, 0, 1)
        layers.append(Layer(f'conv_pw_{block}', *fold(pointwise, f'conv_pw_{block}_bn'), 1, groups=1))
    return layers


class Backbone(torch.nn.Module):
    """[N, 1, S, S] to the feature maps of the named layers, S a multiple of 32."""

    def __init__(self, layers, taps):
        super().__init__()
        self.layers = layers
        self.taps = taps
        for layer in layers:
            self.register_buffer(f'{layer.name}_weight', torch.from_numpy(layer.weight))
            self.register_buffer(f'{layer.name}_bias', torch.from_numpy(layer.bias))

    def forward(self, x):
        maps = {}
        for layer in self.layers:
            weight, bias = getattr(self, f'{layer.name}_weight'), getattr(self, f'{layer.name}_bias')
            before, after = layer.pads
            x = F.pad(x, (before, after, before, after)) if before != after else x
            padding = before if before == after else 0
            x = F.conv2d(x, weight, bias, layer.stride, padding, groups=layer.groups)
            x = F.relu(x, inplace=True)
            if layer.name in self.taps:
                maps[layer.name] = x.clone()
        return maps
