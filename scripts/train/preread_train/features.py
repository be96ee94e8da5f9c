"""Backbone features of every image and its mirror image, pooled by region, cached outside the repository."""

import hashlib
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from . import cxr_square
from .backbone import Backbone
from .dataset import FOLDS
from .pointing import boxed_rows

BATCH = 4
# Pointwise convolutions whose output the heads see, each averaged down to the grid of the last.
TAPS = ('conv_pw_3', 'conv_pw_5', 'conv_pw_7', 'conv_pw_9', 'conv_pw_11', 'conv_pw_12')
# (from, to) of the rows of a grid of 7 that a region takes in: whole, upper, middle, lower.
REGIONS = ((0, 7), (0, 3), (2, 5), (4, 7))


def region_masks(cells):
    """0/1 [regions, cells]: which rows of the last feature map belong to which region."""
    if cells % 7 != 0:
        raise ValueError('the regions are defined on a grid of 7 rows')
    row = np.arange(cells) * 7 // cells
    return np.array([(start <= row) & (row < end) for start, end in REGIONS], np.float32)


def stack_taps(maps):
    """{tap: [N, c, h, w]} to one [N, C, cells, cells]: block averages keep every mean exact."""
    cells = maps[TAPS[-1]].shape[-1]
    return torch.cat([F.avg_pool2d(maps[tap], maps[tap].shape[-1] // cells) for tap in TAPS], dim=1)


def pool_regions(stacked, masks):
    """[N, C, cells, cells] to [N, regions * C]: sum over the region divided by all cells squared."""
    pooled = torch.einsum('nchw,rh->nrc', stacked, masks) / stacked.shape[-1] ** 2
    return pooled.flatten(1)


def extract(dataset, weights_path, layers, size, cache_folder, log=print):
    """float32 arrays by name.

    pooled: [2, n, regions * C], 0 as it is, 1 mirrored left to right. maps: the stacked feature maps
    [rows with boxes, C, cells, cells], in the order of boxed_rows. fold_means: the average stacked map of
    each fold [FOLDS, C, cells, cells].
    """
    cache = Path(cache_folder) / f'features-{cache_key(dataset, weights_path, size)}.npz'
    if cache.exists():
        return dict(np.load(cache))
    network = Backbone(layers, TAPS)
    masks = torch.from_numpy(region_masks(size // 32))
    pooled = ([], [])
    maps = []
    fold_sums = [0.0] * FOLDS
    boxed = set(boxed_rows(dataset))
    with torch.no_grad():
        for start in range(0, len(dataset.images), BATCH):
            rows = range(start, min(start + BATCH, len(dataset.images)))
            tensors = [cxr_square.cxr_square(dataset.pixels(row), size) for row in rows]
            batch = torch.from_numpy(np.stack(tensors))[:, None]
            for mirrored, images in enumerate((batch, batch.flip(3))):
                stacked = stack_taps(network(images))
                pooled[mirrored].append(pool_regions(stacked, masks).numpy())
                if not mirrored:
                    for row in rows:
                        one = stacked[row - start].numpy().astype(np.float64)
                        fold_sums[dataset.folds[row]] += one
                        if row in boxed:
                            maps.append(one.astype(np.float32))
            if start % 400 == 0:
                log(f'features {start}/{len(dataset.images)}', flush=True)
    sizes = np.bincount(dataset.folds, minlength=FOLDS)
    result = {
        'pooled': np.stack([np.concatenate(part) for part in pooled]),
        'maps': np.stack(maps),
        'fold_means': np.stack([total / n for total, n in zip(fold_sums, sizes)]).astype(np.float32),
    }
    cache.parent.mkdir(parents=True, exist_ok=True)
    np.savez(cache, **result)
    return result


def cache_key(dataset, weights_path, size):
    """Changes with everything that the features depend on: inputs, and the code that makes them."""
    digest = hashlib.sha256(Path(weights_path).read_bytes())
    digest.update(f'{size} {TAPS} {REGIONS}'.encode())
    for module in ('cxr_square', 'backbone', 'features'):
        digest.update((Path(__file__).parent / f'{module}.py').read_bytes())
    digest.update('\n'.join(dataset.images).encode())
    return digest.hexdigest()[:16]
