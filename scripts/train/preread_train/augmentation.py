"""Pooled features of moved images: training rows beside the images and their mirror images."""

import hashlib
import inspect
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from . import cxr_square
from .backbone import Backbone
from .features import BATCH, TAPS, cache_key, pool_regions, region_masks, stack_taps

SEED = 7
# Seed of each view, and whether it is mirrored.
VIEWS = ((1, False),)
TURN_DEGREES = 6
STRETCH = 0.1
SHIFT = 0.04
GAMMA = 0.25


def moved(image, rng, size, mirrored=False):
    """The recipe's tensor of a PIL image that is turned, stretched and shifted a little, with another gamma."""
    angle, gamma = np.deg2rad(rng.uniform(-TURN_DEGREES, TURN_DEGREES)), np.exp(rng.uniform(-GAMMA, GAMMA))
    scale_x, scale_y = np.exp(rng.uniform(-STRETCH, STRETCH, 2))
    centre = np.array(image.size) / 2
    turn = np.array([[np.cos(angle) * scale_x, -np.sin(angle)], [np.sin(angle), np.cos(angle) * scale_y]])
    offset = centre + rng.uniform(-SHIFT, SHIFT, 2) * image.size - turn @ centre
    affine = (*turn[0], offset[0], *turn[1], offset[1])
    moved_image = image.transform(image.size, Image.AFFINE, affine, Image.BILINEAR)
    tensor = cxr_square.cxr_square(np.asarray(moved_image, np.float64), size)
    tensor = (2 * ((tensor + 1) / 2) ** gamma - 1).astype(np.float32)
    return np.ascontiguousarray(tensor[:, ::-1]) if mirrored else tensor


def generator(view, row):
    """Each image of each view has its own random numbers."""
    return np.random.default_rng((SEED, view, row))


def extract_moved(dataset, weights_path, layers, size, cache_folder, log=print):
    """float32 [views, n, regions * C]. Cached by view."""
    network = Backbone(layers, TAPS)
    masks = torch.from_numpy(region_masks(size // 32))
    settings = f'{inspect.getsource(moved)} {SEED} {TURN_DEGREES} {STRETCH} {SHIFT} {GAMMA}'
    code = hashlib.sha256(settings.encode()).hexdigest()[:8]
    result = []
    for view, mirrored in VIEWS:
        cache = Path(cache_folder) / f'moved-{cache_key(dataset, weights_path, size)}-{code}-{view}-{mirrored}.npy'
        if not cache.exists():
            pooled = []
            for start in range(0, len(dataset.images), BATCH):
                tensors = [
                    moved(Image.fromarray(dataset.pixels(row).astype(np.uint8)), generator(view, row), size, mirrored)
                    for row in range(start, min(start + BATCH, len(dataset.images)))
                ]
                with torch.no_grad():
                    maps = network(torch.from_numpy(np.stack(tensors))[:, None])
                    pooled.append(pool_regions(stack_taps(maps), masks).numpy())
                if start % 400 == 0:
                    log(f'moved images {view}: {start}/{len(dataset.images)}', flush=True)
            cache.parent.mkdir(parents=True, exist_ok=True)
            np.save(cache, np.concatenate(pooled))
        result.append(np.load(cache))
    return np.stack(result)
