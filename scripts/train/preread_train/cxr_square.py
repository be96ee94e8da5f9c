"""The preprocessing recipe cxr-square@1, the reference for the TypeScript implementation.

Input: the greyscale presentation image as float values, shape [H, W]: after Modality LUT, VOI LUT and
MONOCHROME1 inversion (low = dark). Output: float32 [S, S] in -1..1.

1. Crop the largest centred square: s = min(H, W), x0 = floor(W/2) - floor(s/2), y0 likewise.
2. Resample each axis with the antialiased triangle filter, f = s/S, r = max(f, 1):
   weight(i, j) = max(0, 1 - |i + 0.5 - (j + 0.5) f| / r) over i in 0..s-1, divided by its sum.
3. lo, hi = 1st and 99th percentile of the S*S resampled values: of the ascending values v[0..n-1] the
   percentile q is v[k] + (t - k) (v[k+1] - v[k]) with t = q/100 (n-1) and k = floor(t).
4. y = 2 (v - lo) / (hi - lo) - 1, clipped to -1..1; all zeros for a flat image, which is where
   hi - lo <= 1e-6 max(|lo|, |hi|): below that the difference is rounding of the filter.

Step 3 makes the tensor the same for every window that does not clip: an affine change of the input
with positive gain cancels.
"""

import numpy as np

NAME = 'cxr-square@1'
PERCENTILES = (1.0, 99.0)
FLAT = 1e-6


def crop_square(image):
    """The largest centred square of an [H, W] array."""
    height, width = image.shape
    side = min(height, width)
    y0 = height // 2 - side // 2
    x0 = width // 2 - side // 2
    return image[y0 : y0 + side, x0 : x0 + side]


def triangle_weights(source, target):
    """Rows of the antialiased triangle filter, float64 [target, source]; each row sums to 1."""
    scale = source / target
    radius = max(scale, 1.0)
    centre = (np.arange(target) + 0.5)[:, None] * scale
    position = np.arange(source)[None, :] + 0.5
    weights = np.maximum(0.0, 1.0 - np.abs(position - centre) / radius)
    return weights / weights.sum(axis=1, keepdims=True)


def resample(image, size):
    """An [s, s] array resampled to [size, size], float64 throughout."""
    weights = triangle_weights(image.shape[0], size)
    return weights @ image.astype(np.float64) @ weights.T


def percentile(ascending, q):
    """Linear interpolation between the two nearest order statistics (numpy's default)."""
    position = q / 100.0 * (len(ascending) - 1)
    below = int(np.floor(position))
    above = min(below + 1, len(ascending) - 1)
    return ascending[below] + (position - below) * (ascending[above] - ascending[below])


def normalise(values, percentiles=PERCENTILES):
    """Affine map of the percentiles to -1 and 1, clipped; float32."""
    ascending = np.sort(values, axis=None)
    low = percentile(ascending, percentiles[0])
    high = percentile(ascending, percentiles[1])
    if high - low <= FLAT * max(abs(low), abs(high)):
        return np.zeros(values.shape, np.float32)
    return np.clip(2.0 * (values - low) / (high - low) - 1.0, -1.0, 1.0).astype(np.float32)


def cxr_square(image, size):
    """The whole recipe: [H, W] float values to a float32 [size, size] tensor in -1..1."""
    return normalise(resample(crop_square(image), size))
