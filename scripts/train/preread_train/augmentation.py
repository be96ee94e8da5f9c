"""Copies of images that are moved a little: training rows beside the images and their mirror images."""

import numpy as np
from PIL import Image

from . import cxr_square

SEED = 7
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
