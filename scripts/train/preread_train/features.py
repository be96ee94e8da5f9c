"""Pooled backbone features of every image and its mirror image, cached outside the repository."""

import hashlib
from pathlib import Path

import numpy as np
import torch

from . import cxr_square
from .backbone import Backbone
from .pointing import boxed_rows

BATCH = 4
TAP = 'conv_pw_12'


def extract(dataset, weights_path, layers, size, cache_folder, log=print):
    """(pooled, maps): float32 [2, n, C] global averages (0 as it is, 1 mirrored) and the feature maps
    [rows with boxes, C, h, w], in the order of boxed_rows."""
    digest = hashlib.sha256(Path(weights_path).read_bytes())
    digest.update(f'{cxr_square.NAME} {size} {TAP} mean'.encode())
    digest.update('\n'.join(dataset.images).encode())
    cache = Path(cache_folder) / f'features-{digest.hexdigest()[:16]}.npz'
    if cache.exists():
        stored = np.load(cache)
        return stored['pooled'], stored['maps']
    network = Backbone(layers, (TAP,))
    count, channels = len(dataset.images), layers[-1].weight.shape[0]
    pooled = np.zeros((2, count, channels), np.float32)
    position = {row: index for index, row in enumerate(boxed_rows(dataset))}
    maps = np.zeros((len(position), channels, size // 32, size // 32), np.float32)
    with torch.no_grad():
        for start in range(0, count, BATCH):
            rows = range(start, min(start + BATCH, count))
            tensors = [cxr_square.cxr_square(dataset.pixels(row), size) for row in rows]
            batch = torch.from_numpy(np.stack(tensors))[:, None]
            for mirrored, images in enumerate((batch, batch.flip(3))):
                output = network(images)[TAP]
                pooled[mirrored, rows.start : rows.stop] = output.mean((2, 3)).numpy()
                for row in rows if not mirrored else ():
                    if row in position:
                        maps[position[row]] = output[row - start].numpy()
            if start % 400 == 0:
                log(f'features {start}/{count}')
    cache.parent.mkdir(parents=True, exist_ok=True)
    np.savez(cache, pooled=pooled, maps=maps)
    return pooled, maps
