"""fixtures/golden/cxr-square-1.json: golden vectors of the recipe cxr-square@1.

The inputs are integers from a formula in integer arithmetic, so that any language gets the same ones.
"""

import numpy as np

from . import cxr_square

# name, height, width, size, a, b, c, modulus
CASES = (
    ('landscape, down-scaled, odd margins', 23, 37, 16, 7, 13, 3, 4096),
    ('portrait, up-scaled', 9, 5, 8, 611, 257, 91, 4096),
    ('square, same size', 12, 12, 12, 17, 5, 2, 256),
    ('landscape, 8-bit ramp', 64, 90, 32, 2, 1, 0, 256),
    ('portrait, down-scaled by a fraction', 301, 257, 224, 11, 5, 1, 4096),
    ('landscape, 12-bit, large', 500, 700, 224, 5, 3, 1, 4096),
    ('flat image', 10, 14, 8, 0, 0, 0, 4096),
)
FULL_UP_TO = 32
SAMPLES = 61


def pattern(height, width, a, b, c, modulus):
    """Integers 0..modulus-1."""
    x = np.arange(width, dtype=np.int64)[None, :]
    y = np.arange(height, dtype=np.int64)[:, None]
    return (a * x + b * y + c * x * y) % modulus


def expected(tensor):
    """The whole tensor when small, else every k-th value and sums."""
    flat = tensor.astype(np.float64).ravel()
    if tensor.shape[0] <= FULL_UP_TO:
        return {'values': [round(float(v), 7) for v in flat]}
    step = len(flat) // SAMPLES
    return {
        'sampleStep': step,
        'samples': [round(float(v), 7) for v in flat[::step]],
        'mean': round(float(flat.mean()), 8),
        'meanSquare': round(float((flat**2).mean()), 8),
    }


def build_golden():
    cases = []
    for name, height, width, size, a, b, c, modulus in CASES:
        image = pattern(height, width, a, b, c, modulus)
        values = cxr_square.resample(cxr_square.crop_square(image), size)
        ascending = np.sort(values, axis=None)
        cases.append({
            'name': name,
            'height': height,
            'width': width,
            'size': size,
            'generator': {'a': a, 'b': b, 'c': c, 'modulus': modulus},
            'percentiles': [round(float(cxr_square.percentile(ascending, q)), 6) for q in cxr_square.PERCENTILES],
            'expected': expected(cxr_square.normalise(values)),
        })
    return {
        'recipe': cxr_square.NAME,
        'generator': 'pixel(y, x) = (a*x + b*y + c*x*y) mod modulus, integers; x the column and y the row, from 0',
        'comment': (
            'percentiles: the 1st and 99th of the resampled square, before normalisation. Row-major tensors. '
            'samples: every sampleStep-th value of the flattened tensor from 0.'
        ),
        'tolerance': 1e-5,
        'cases': cases,
    }
