"""The pointing game: does the highest cell of a finding's map lie in a hand-drawn box of that finding?"""

import numpy as np

from .dataset import FINDINGS

GRID = 100


def boxes_by_image(dataset):
    """{(row, finding index): [(x0, y0, x1, y1), ...]}; an image with several boxes counts once."""
    grouped = {}
    for row, finding, *corners in dataset.boxes:
        grouped.setdefault((row, finding), []).append(corners)
    return grouped


def boxed_rows(dataset):
    return sorted({row for row, _ in boxes_by_image(dataset)})


def covered(corners):
    """Boolean [GRID, GRID]: is the grid point (y, x) inside one of the boxes?"""
    centre = (np.arange(GRID) + 0.5) / GRID
    x, y = centre[None, :], centre[:, None]
    inside = np.zeros((GRID, GRID), bool)
    for x0, y0, x1, y1 in corners:
        inside |= (x0 <= x) & (x <= x1) & (y0 <= y) & (y <= y1)
    return inside


def pointing_game(dataset, cam_of):
    """{finding: {images, hit_rate, chance, fixed_point}}.

    cam_of(row): [k, h, w] in the frame of the whole image (these images are square: the crop is whole).
    chance: the mean share of the image inside the boxes; fixed_point: the best hit rate that one point
    for all images could reach, which a map must beat to say anything about this image.
    """
    tally = {}
    for (row, finding), corners in sorted(boxes_by_image(dataset).items()):
        cam = cam_of(row)[finding]
        y, x = np.unravel_index(np.argmax(cam), cam.shape)
        x, y = (x + 0.5) / cam.shape[1], (y + 0.5) / cam.shape[0]
        hit = any(x0 <= x <= x1 and y0 <= y <= y1 for x0, y0, x1, y1 in corners)
        hits, inside = tally.setdefault(FINDINGS[finding], ([], []))
        hits.append(hit)
        inside.append(covered(corners))
    result = {}
    for key in (key for key in FINDINGS if key in tally):
        hits, inside = tally[key]
        density = np.mean(inside, axis=0)
        result[key] = {
            'images': len(hits),
            'hit_rate': float(np.mean(hits)),
            'chance': float(density.mean()),
            'fixed_point': float(density.max()),
        }
    return result
