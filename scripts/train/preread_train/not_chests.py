"""Pictures that are not chests, generated: the negatives of the chest gate. float32 [S, S], any range.

Every kind is a function of a numpy Generator and a size. Real pictures of other things are few, so
these span what an archive may hold: limbs, slices, screens, textures, scenes, parts of a chest.
"""

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter, rotate


def grid(size):
    axis = (np.arange(size) + 0.5) / size * 2 - 1
    return np.meshgrid(axis, axis)


def power_noise(rng, size, exponent=None):
    """Noise with the spectrum 1/f^a: white, textures, clouds."""
    exponent = rng.uniform(0, 3) if exponent is None else exponent
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None])
    frequency[0, 0] = 1
    spectrum = np.fft.rfft2(rng.standard_normal((size, size))) / frequency**exponent
    picture = np.fft.irfft2(spectrum, s=(size, size))
    return ((picture - picture.mean()) / (picture.std() + 1e-9)).astype(np.float32)


def dead_leaves(rng, size):
    """Discs of power-law radii that cover each other: the statistics of natural scenes (Lee et al. 2001)."""
    picture = Image.new('F', (size, size), float(rng.uniform()))
    draw = ImageDraw.Draw(picture)
    low = rng.uniform(0.01, 0.04)
    for _ in range(int(rng.integers(60, 500))):
        radius = size * np.minimum(low / np.sqrt(rng.uniform(0.004, 1)), 0.5)
        x, y = rng.uniform(-0.1, 1.1, 2) * size
        box = [x - radius, y - radius * rng.uniform(0.5, 1), x + radius, y + radius]
        (draw.rectangle if rng.uniform() < 0.3 else draw.ellipse)(box, fill=float(rng.uniform()))
    return np.asarray(picture) + 0.05 * power_noise(rng, size, 1.0)


def line_integral(rng, size, solids):
    """A radiograph of rods and tubes: exponential attenuation, blur, noise."""
    depth = gaussian_filter(solids, rng.uniform(0.3, 1.5))
    film = 1 - np.exp(-rng.uniform(0.6, 2.5) * depth)
    return film + rng.uniform(0, 0.03) * rng.standard_normal((size, size)) + 0.02 * power_noise(rng, size, 1.5)


def rod(size, x0, y0, x1, y1, radius, hollow=0.0):
    """Projected thickness of a cylinder between two points; hollow is the share of the inner radius."""
    x, y = grid(size)
    dx, dy = x1 - x0, y1 - y0
    t = np.clip(((x - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy), 0, 1)
    distance = np.hypot(x - x0 - t * dx, y - y0 - t * dy)
    outer = np.sqrt(np.maximum(radius**2 - distance**2, 0))
    return outer - 0.9 * np.sqrt(np.maximum((hollow * radius) ** 2 - distance**2, 0)) if hollow else outer


def limb(rng, size):
    """One or two long bones in soft tissue, at any angle, as arms, legs and knees are."""
    offset = rng.uniform(-0.3, 0.3)
    bend = rng.uniform(-0.5, 0.5)
    radius = rng.uniform(0.25, 0.6)
    solids = 0.5 * (rod(size, offset, -1.4, 0, 0, radius) + rod(size, 0, 0, bend, 1.4, radius * 0.9))
    bone = rng.uniform(0.06, 0.16)
    for shift in (-1, 1)[: rng.integers(1, 3)]:
        s = shift * bone * rng.uniform(0.9, 1.6)
        solids = solids + 2 * rod(size, offset + s, -1.4, s, -0.03, bone, 0.6)
        solids = solids + 2 * rod(size, s, 0.03, bend + s, 1.4, bone * rng.uniform(0.6, 1), 0.6)
    solids = solids + 1.5 * rod(size, -bone, 0, bone, 0.01, bone * 1.5)
    return rotate(line_integral(rng, size, solids), rng.uniform(-180, 180), reshape=False, order=1, mode='nearest')


def hand(rng, size):
    """A palm with four or five rows of phalanges: hands and feet."""
    solids = 0.4 * rod(size, 0, 0.3, 0, 0.8, 0.5)
    for angle in np.linspace(-0.6, 0.6, int(rng.integers(4, 6))) + rng.uniform(-0.05, 0.05):
        x, y = 0.6 * np.sin(angle), 0.4 - 0.4 * np.cos(angle)
        for length in (0.3, 0.25, 0.18, 0.14):
            x1, y1 = x + length * np.sin(angle), y - length * np.cos(angle)
            solids = solids + 0.7 * rod(size, x, y, x1, y1, 0.09) + 1.6 * rod(size, x, y, x1, y1, 0.04, 0.5)
            x, y = x1 + 0.03 * np.sin(angle), y1 - 0.03 * np.cos(angle)
    return rotate(line_integral(rng, size, solids), rng.uniform(-180, 180), reshape=False, order=1, mode='nearest')


def slice_of_body(rng, size):
    """A bright or grey ellipse with a rim and organs on black: CT and MR slices, skulls."""
    x, y = grid(size)
    angle = rng.uniform(0, np.pi)
    x, y = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    a, b = rng.uniform(0.5, 0.95), rng.uniform(0.4, 0.9)
    radius = np.hypot(x / a, y / b)
    picture = np.where(radius < 1, rng.uniform(0.3, 0.7), 0.0)
    picture = np.where((radius < 1) & (radius > rng.uniform(0.8, 0.97)), rng.uniform(0.2, 1.2), picture)
    for _ in range(int(rng.integers(2, 14))):
        cx, cy = rng.uniform(-0.6, 0.6, 2) * (a, b)
        organ = np.hypot((x - cx) / rng.uniform(0.04, 0.35), (y - cy) / rng.uniform(0.04, 0.35)) < 1
        picture = np.where(organ & (radius < 0.9), rng.uniform(0, 1.2), picture)
    picture = gaussian_filter(picture, rng.uniform(0, 2.5))
    return picture + rng.uniform(0, 0.08) * power_noise(rng, size, rng.uniform(0, 1.2))


def sector(rng, size):
    """A speckled fan on black with lines of text: ultrasound."""
    x, y = grid(size)
    radius, angle = np.hypot(x, y + 1.05), np.arctan2(x, y + 1.05)
    fan = (np.abs(angle) < rng.uniform(0.3, 0.8)) & (radius < rng.uniform(1.3, 2)) & (radius > rng.uniform(0.05, 0.5))
    speckle = np.abs(power_noise(rng, size, rng.uniform(0.4, 1))) * (1 + power_noise(rng, size, 2.0).clip(-1))
    return np.maximum(fan * speckle * 0.4, 0.5 * (text(rng, size, int(rng.integers(0, 6))) > 0))


def text(rng, size, lines=None):
    """A screen or a scanned page."""
    picture = Image.new('L', (size, size), 0)
    draw = ImageDraw.Draw(picture)
    for _ in range(int(rng.integers(8, 40)) if lines is None else lines):
        words = ''.join(chr(c) for c in rng.integers(32, 126, int(rng.integers(5, 40))))
        draw.text(tuple(rng.uniform(0, 0.95, 2) * size), words, fill=int(rng.integers(120, 255)))
    array = np.asarray(picture, np.float32) / 255
    return 1 - array if rng.uniform() < 0.4 and lines is None else array


def bars(rng, size):
    """Test patterns: gratings, wedges, checkerboards."""
    x, y = grid(size)
    angle = rng.uniform(0, np.pi)
    u, v = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    kind = rng.integers(4)
    f = rng.uniform(1, 20)
    if kind == 0:
        return np.floor(u * f) % rng.integers(2, 9)
    if kind == 1:
        return (np.floor(u * f) + np.floor(v * f)) % 2
    if kind == 2:
        return np.sin(u * f * 3) + rng.uniform(0, 1) * np.sin(v * f)
    return np.hypot(u, v) * rng.uniform(-1, 1) + u * rng.uniform(-1, 1)


def blobs(rng, size):
    """Soft shapes without any anatomy."""
    picture = gaussian_filter(rng.standard_normal((size, size)), rng.uniform(4, 40))
    return np.tanh(picture / picture.std() * rng.uniform(0.5, 4)) + 0.1 * power_noise(rng, size, 1.0)


KINDS = {
    'noise': power_noise, 'dead-leaves': dead_leaves, 'limb': limb, 'hand': hand, 'slice': slice_of_body,
    'sector': sector, 'text': text, 'bars': bars, 'blobs': blobs,
}


def detail_of(rng, chest):
    """A small part of a chest, enlarged: a shoulder, a rib, an abdomen. [S, S] to [s, s], s = 12-30 % of S."""
    size = chest.shape[0]
    side = int(size * rng.uniform(0.12, 0.30))
    y, x = rng.integers(0, size - side, 2)
    part = chest[y : y + side, x : x + side]
    return np.rot90(part, int(rng.integers(4)))


def variant_of(rng, picture):
    """A real picture turned, mirrored, cropped a little, with another gamma or polarity."""
    picture = np.rot90(picture, int(rng.integers(4)))
    if rng.uniform() < 0.5:
        picture = picture[:, ::-1]
    height, width = picture.shape
    keep = rng.uniform(0.7, 1)
    h, w = max(2, int(height * keep)), max(2, int(width * keep))
    y, x = int(rng.integers(height - h + 1)), int(rng.integers(width - w + 1))
    picture = picture[y : y + h, x : x + w]
    low, high = picture.min(), picture.max()
    level = (picture - low) / max(high - low, 1e-9)
    level = level ** rng.uniform(0.6, 1.6)
    return 1 - level if rng.uniform() < 0.25 else level


def turned(rng, chest):
    """A chest that is still one: turned by quarters, mirrored, inverted or cropped to 75 % at most."""
    height, width = chest.shape
    keep = rng.uniform(0.75, 1)
    h, w = int(height * keep), int(width * keep)
    y, x = int(rng.integers(height - h + 1)), int(rng.integers(width - w + 1))
    chest = np.rot90(chest[y : y + h, x : x + w], int(rng.integers(4)))
    if rng.uniform() < 0.5:
        chest = chest[:, ::-1]
    return 255.0 - chest if rng.uniform() < 0.3 else chest
