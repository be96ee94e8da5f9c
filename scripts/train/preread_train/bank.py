"""Backbone features of other inputs than the shipped ones, for experiments.py. Cached; needs onnxruntime (pip).

A variant is a way to make the network's input from a picture, and the network that reads it. Pooled features are those
of features.py: every tap averaged over the whole image and over thirds of the rows, [n, regions * C].
"""

import csv
import io
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
import torch.nn.functional as F
from onnx import TensorProto, helper
from PIL import Image, ImageFilter

from . import cxr_square
from .augmentation import generator, moved
from .backbone import BATCH_NORM_EPSILON, Layer, load_layers
from .features import REGIONS, TAPS
from .network import INPUT, IR_VERSION, OPSET, GraphBuilder, add_backbone, cells_per_cell

BATCH = 8
SIZE = 224
# Pictures whose batch-norm statistics adapt the network: 49 to 12,544 cells each.
STATISTICS_IMAGES = 128
# The degradation that is to hide which source a picture comes from: coarser than the coarsest of them.
DEGRADED_SIZE = 160
DEGRADED_BLUR = 0.8
DEGRADED_QUALITY = 75
# Two pictures of a pair for contrast: least side of the crop, greatest blur in pixels of the network's input.
STRONG_CROP = 0.6
STRONG_BLUR = 1.5
# The layers after this one are trained further by adaptation.py.
LATE_FROM = 'conv_pw_9'


def session(layers):
    """onnxruntime on one thread: image [N, 1, S, S] to the stacked taps [N, C, S/32, S/32] and the output of LATE_FROM."""
    graph = GraphBuilder()
    outputs = add_backbone(graph, layers)
    parts = []
    for tap in TAPS:
        block = [cells_per_cell(tap)] * 2
        parts.append(graph.add('AveragePool', [outputs[tap]], f'{tap}.pooled', kernel_shape=block, strides=block))
    graph.add('Concat', parts, 'stacked', axis=1)
    proto = helper.make_graph(
        graph.nodes, 'bank', [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ['N', 1, 'S', 'S'])],
        [
            helper.make_tensor_value_info('stacked', TensorProto.FLOAT, ['N', 'C', 'H', 'W']),
            helper.make_tensor_value_info(outputs[LATE_FROM], TensorProto.FLOAT, ['N', 'K', 'Y', 'X']),
        ],
        graph.initialisers,
    )
    model = helper.make_model(proto, opset_imports=[helper.make_opsetid('', OPSET)])
    model.ir_version = IR_VERSION
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=['CPUExecutionProvider'])


def pool(stacked):
    """[N, C, h, w] to [N, regions * C], as features.pool_regions but for any number of rows."""
    rows = stacked.mean(axis=3)
    cells = rows.shape[2]
    row = np.arange(cells) * 7 // cells
    masks = np.array([(start <= row) & (row < end) for start, end in REGIONS], np.float32) / cells
    return np.einsum('nch,rh->nrc', rows, masks).reshape(len(rows), -1)


def plain(image, _rng, size):
    return cxr_square.cxr_square(np.asarray(image, np.float64), size)


def mirrored(image, rng, size):
    return plain(image, rng, size)[:, ::-1]


def moved_and_mirrored(image, rng, size):
    return moved(image, rng, size, mirrored=True)


def degraded(image, rng, size):
    small = image.resize((DEGRADED_SIZE,) * 2, Image.LANCZOS).filter(ImageFilter.GaussianBlur(DEGRADED_BLUR))
    buffer = io.BytesIO()
    small.save(buffer, 'JPEG', quality=DEGRADED_QUALITY)
    return plain(Image.open(buffer), rng, size)


def strong(image, rng, size):
    """A random square of the picture, blurred, perhaps mirrored, then moved."""
    side = rng.uniform(STRONG_CROP, 1) * min(image.size)
    x0, y0 = (rng.uniform(0, length - side) for length in image.size)
    part = image.crop(tuple(round(edge) for edge in (x0, y0, x0 + side, y0 + side)))
    part = part.filter(ImageFilter.GaussianBlur(rng.uniform(0, STRONG_BLUR) * side / size))
    return moved(part, rng, size, mirrored=rng.random() < 0.5)


def adapted_layers(weights_path, pictures):
    """Layers whose batch norm has the mean and variance of these inputs [N, 1, S, S], layer after layer."""
    arrays = np.load(weights_path)
    adapted, x = [], torch.from_numpy(pictures)
    for layer in load_layers(weights_path):
        gamma = np.abs(arrays[f'{layer.name}_bn.gamma'].astype(np.float64))
        # What the folding multiplied the kernel by: the statistics below are in its units.
        gain = gamma / np.sqrt(arrays[f'{layer.name}_bn.moving_variance'] + BATCH_NORM_EPSILON)
        before, after = layer.pads
        x = F.conv2d(
            F.pad(x, (before, after, before, after)), torch.from_numpy(layer.weight), None, layer.stride,
            groups=layer.groups,
        )
        mean, deviation = (v.numpy().astype(np.float64) for v in (x.mean((0, 2, 3)), x.std((0, 2, 3))))
        change = gamma / np.sqrt(deviation**2 + gain**2 * BATCH_NORM_EPSILON + 1e-20)
        bias = (arrays[f'{layer.name}_bn.beta'] - mean * change).astype(np.float32)
        change = change.astype(np.float32)[:, None, None]
        x = torch.relu(x * torch.from_numpy(change) + torch.from_numpy(bias)[:, None, None])
        adapted.append(Layer(layer.name, layer.weight * change[..., None], bias, layer.stride, layer.groups))
    return adapted


FOLDERS = {'rsna': 'rsna-normals-256', 'children': 'kermany-paediatric-224'}


def pictures_of(data, source):
    """Paths of the pictures of a source."""
    if source == 'nih':
        with open(data / 'nih-cxr14-subset' / 'labels.csv', newline='') as handle:
            return [data / 'nih-cxr14-subset' / 'images' / row['image'] for row in csv.DictReader(handle)]
    return sorted((data / FOLDERS[source] / 'images').rglob('*.jp*g'))


def tensors(paths, make, size, seed):
    """Yields float32 [S, S]; each picture has its own random numbers."""
    for index, path in enumerate(paths):
        with Image.open(path) as image:
            yield np.ascontiguousarray(make(image.convert('L'), generator(seed, index), size))


# source, how the input is made, its size in pixels, seed, network.
VARIANTS = {
    'plain': ('nih', plain, SIZE, 0, 'imagenet'),
    'mirrored': ('nih', mirrored, SIZE, 0, 'imagenet'),
    'moved1': ('nih', moved, SIZE, 1, 'imagenet'),
    'moved2': ('nih', moved_and_mirrored, SIZE, 2, 'imagenet'),
    'adapted': ('nih', plain, SIZE, 0, 'adapted'),
    'plain320': ('nih', plain, 320, 0, 'imagenet'),
    'degraded': ('nih', degraded, SIZE, 0, 'imagenet'),
    'rsna-degraded': ('rsna', degraded, SIZE, 0, 'imagenet'),
    'children-plain': ('children', plain, SIZE, 0, 'imagenet'),
    'children-mirrored': ('children', mirrored, SIZE, 0, 'imagenet'),
    'children-strong1': ('children', strong, SIZE, 3, 'imagenet'),
    'children-strong2': ('children', strong, SIZE, 4, 'imagenet'),
}
# Of these the whole stacked maps, and of those the output of LATE_FROM, are kept as well, as float16.
WITH_MAPS = ('plain',)
WITH_LATE = (
    'plain', 'mirrored', 'moved1', 'moved2',
    'children-plain', 'children-mirrored', 'children-strong1', 'children-strong2',
)


def network_of(name, data):
    weights_path = data / 'backbone' / 'mobilenet_v1_1.0_224.npz'
    if name == 'imagenet':
        return session(load_layers(weights_path))
    paths = pictures_of(data, 'nih')
    some = [paths[i] for i in np.linspace(0, len(paths) - 1, STATISTICS_IMAGES).astype(int)]
    return session(adapted_layers(weights_path, np.stack(list(tensors(some, plain, SIZE, 0)))[:, None]))


def features_of(name, data, cache, log=print):
    """Pooled features of a variant, float32 [n, regions * C]."""
    path = Path(cache) / f'bank-{name}.npy'
    if path.exists():
        return np.load(path, mmap_mode='r')
    source, make, size, seed, network = VARIANTS[name]
    run = network_of(network, data)
    paths = pictures_of(data, source)
    pooled, maps, late, batch = [], [], [], []
    for index, tensor in enumerate(tensors(paths, make, size, seed)):
        batch.append(tensor)
        if len(batch) == BATCH or index == len(paths) - 1:
            stacked, inner = run.run(None, {INPUT: np.stack(batch)[:, None]})
            pooled.append(pool(stacked))
            if name in WITH_MAPS:
                maps.append(stacked.astype(np.float16))
            if name in WITH_LATE:
                late.append(inner.astype(np.float16))
            batch = []
    path.parent.mkdir(parents=True, exist_ok=True)
    for kind, parts in (('maps', maps), ('late', late)):
        if parts:
            np.save(kept_path(cache, name, kind), np.concatenate(parts))
    pooled = np.concatenate(pooled)
    np.save(path, pooled)
    log(f'{name}: {len(pooled)} images', flush=True)
    return pooled


def kept_path(cache, name, kind):
    """Of the `maps` or the `late` inputs of a variant."""
    return Path(cache) / f'bank-{name}-{kind}.npy'
