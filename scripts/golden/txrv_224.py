#!/usr/bin/env python3
"""Golden vectors of the recipe txrv-224@1, made with scikit-image itself.

Why: the recipe promises TorchXRayVision's default arithmetic. This script does those steps with the
library that TorchXRayVision calls (skimage.transform.resize) on generated images and writes
fixtures/golden/txrv-224-1.json, which the TypeScript implementation is held to.

Needs Debian's python3-skimage. Usage: scripts/golden/txrv_224.py > fixtures/golden/txrv-224-1.json
"""

import json
import sys

import numpy as np
import skimage
from skimage.transform import resize

CASES = [
    # name, height, width, size, bits stored, MONOCHROME1, floor, (a, b, c, modulus)
    ('12-bit portrait', 500, 400, 224, 12, False, 0, (5, 3, 1, 4096)),
    ('12-bit landscape, MONOCHROME1', 301, 457, 224, 12, True, 0, (7, 13, 3, 4096)),
    ('8-bit square ramp', 256, 256, 64, 8, False, 0, (1, 0, 0, 256)),
    ('16-bit, odd sizes', 331, 333, 32, 16, False, 0, (211, 97, 5, 65536)),
    ('up-scaled', 9, 12, 16, 12, False, 0, (611, 257, 91, 4096)),
    ('same size', 32, 32, 32, 12, False, 0, (17, 5, 2, 4096)),
    ('bright only: clipped at the edges', 200, 200, 32, 12, False, 3000, (3, 5, 1, 1000)),
    ('dark only, MONOCHROME1: clipped at the edges', 90, 120, 32, 10, True, 0, (3, 5, 1, 300)),
]


def generate(height, width, floor, generator):
    a, b, c, modulus = generator
    y, x = np.mgrid[0:height, 0:width].astype(np.int64)
    return floor + (a * x + b * y + c * x * y) % modulus


def txrv(pixels, bits, monochrome1, size):
    """read_xray_dcm's inversion, normalize, XRayCenterCrop and XRayResizer, in their order and types."""
    maximum = 2**bits - 1
    if monochrome1:
        pixels = maximum - pixels
    image = (2 * (pixels.astype(np.float32) / maximum) - 1.0) * 1024
    height, width = image.shape
    side = min(height, width)
    x0 = width // 2 - side // 2
    y0 = height // 2 - side // 2
    square = image[y0 : y0 + side, x0 : x0 + side][None]
    return resize(square, (1, size, size), mode='constant', preserve_range=True).astype(np.float32)[0]


def main():
    cases = []
    for name, height, width, size, bits, monochrome1, floor, generator in CASES:
        tensor = txrv(generate(height, width, floor, generator), bits, monochrome1, size)
        step = max(1, tensor.size // 250)
        cases.append(
            {
                'name': name,
                'height': height,
                'width': width,
                'size': size,
                'BitsStored': bits,
                'monochrome1': monochrome1,
                'floor': floor,
                'generator': dict(zip(('a', 'b', 'c', 'modulus'), generator)),
                'sampleStep': step,
                'samples': [round(float(v), 4) for v in tensor.ravel()[::step]],
                'corners': [round(float(tensor[y, x]), 4) for y in (0, -1) for x in (0, -1)],
                'mean': round(float(tensor.mean(dtype=np.float64)), 5),
            }
        )
    document = {
        'recipe': 'txrv-224@1',
        'source': f'scikit-image {skimage.__version__}, numpy {np.__version__}',
        'generator': 'pixel(y, x) = floor + (a*x + b*y + c*x*y) mod modulus, integers',
        'comment': 'samples: every sampleStep-th value of the row-major tensor; range -1024..1024',
        'cases': cases,
    }
    json.dump(document, sys.stdout)
    sys.stdout.write('\n')


main()
