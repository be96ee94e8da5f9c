"""Experiments on whole feature maps: other pooling than the mean, and boxes as targets of the maps."""

import dataclasses

import numpy as np
import torch
import torch.nn.functional as F

from . import bank
from .features import REGIONS, region_masks
from .heads import Space
from .metrics import sigmoid
from .pointing import boxes_by_image, pointing_game

# Principal axes of the pooled features that the cells are described by, for other pooling.
AXES = 512
POOLING_STEPS = 60
LSE_SHARPNESS = (0.1, 0.5)
BOX_WEIGHTS = (0.0, 0.3, 1.0, 3.0)


def minimise(parameters, loss, steps):
    optimiser = torch.optim.LBFGS(parameters, max_iter=steps, history_size=20, line_search_fn='strong_wolfe')

    def closure():
        optimiser.zero_grad()
        value = loss()
        value.backward()
        return value

    optimiser.step(closure)


def weighted_cross_entropy(logits, targets, weights):
    return F.binary_cross_entropy_with_logits(logits, targets, weights[:, None], reduction='sum')


def pooling(lab):
    """Mean, log-sum-exp and attention over the cells, on unmirrored images, and each with the shipped heads."""
    stacked = np.load(bank.kept_path(lab.cache, 'plain', 'maps'), mmap_mode='r')
    pooled = np.asarray(lab.view('plain'))[:, : stacked.shape[1]]
    shipped = np.load(lab.cache / 'logits-baseline-shipped-logistic.npy')
    names = ['mean', *(f'log-sum-exp {s}' for s in LSE_SHARPNESS), 'attention']
    results = {name: np.full(lab.dataset.labels.shape, np.nan) for name in names}
    for fold in lab.folds:
        rows, held_out = lab.training_rows(fold), np.flatnonzero(lab.dataset.folds == fold)
        space = Space(pooled[rows])
        axes = space.axes[:, -AXES:]

        def cells(some):
            parts = []
            for start in range(0, len(some), 64):
                part = stacked[some[start : start + 64]].astype(np.float32).reshape(-1, stacked.shape[1], 49)
                parts.append(space.standard(part.transpose(0, 2, 1)) @ axes)
            return torch.from_numpy(np.concatenate(parts))

        train, test = cells(rows), cells(held_out)
        targets, weights = (torch.from_numpy(v.astype(np.float32)) for v in lab.training(rows))
        k, d = targets.shape[1], train.shape[2]
        value = torch.zeros((k, d), requires_grad=True)
        bias = torch.zeros(k, requires_grad=True)
        # |w|^2 costs the same as for the shipped heads, whose columns have four regions.
        penalty = lab.l2 / len(REGIONS)

        def fit(score, parameters):
            def loss():
                cost = sum((p**2).sum() for p in parameters if p is not bias)
                return weighted_cross_entropy(score(train), targets, weights) + penalty / 2 * cost

            minimise(parameters, loss, POOLING_STEPS)
            with torch.no_grad():
                return score(test).numpy()

        def mean(x):
            return x.mean(1) @ value.T + bias

        results['mean'][held_out] = fit(mean, [value, bias])
        start = value.detach().clone(), bias.detach().clone()

        def reset():
            with torch.no_grad():
                value.copy_(start[0]), bias.copy_(start[1])

        for sharpness in LSE_SHARPNESS:
            reset()

            def log_sum_exp(x, sharpness=sharpness):
                return torch.logsumexp(sharpness * (x @ value.T), 1) / sharpness - np.log(49) / sharpness + bias

            results[f'log-sum-exp {sharpness}'][held_out] = fit(log_sum_exp, [value, bias])
        reset()
        look = torch.zeros((k, d), requires_grad=True)

        def attention(x):
            return (torch.softmax(x @ look.T, 1) * (x @ value.T)).sum(1) + bias

        # From zero the gradient of `look` is that of the mean solution.
        results['attention'][held_out] = fit(attention, [value, bias, look])
    for name, logits in results.items():
        lab.report('pooling', name, logits)
        lab.report('pooling', f'{name} with shipped', sigmoid(logits) + sigmoid(shipped))


def cell_rows(stacked):
    """[n, C, 7, 7] to [n * 49, regions * C]: what each cell adds to the pooled features, times 49."""
    n, channels, height, width = stacked.shape
    cells = stacked.transpose(0, 2, 3, 1)
    masks = region_masks(height)
    parts = [cells * masks[r][None, :, None, None] for r in range(len(masks))]
    return np.concatenate(parts, axis=3).reshape(n * height * width, len(masks) * channels)


def in_boxes(corners, cells=7):
    """Boolean [cells, cells]: centres inside; the cell of each box's centre always counts."""
    middle = (np.arange(cells) + 0.5) / cells
    inside = np.zeros((cells, cells), bool)
    for x0, y0, x1, y1 in corners:
        inside |= ((y0 <= middle) & (middle <= y1))[:, None] & ((x0 <= middle) & (middle <= x1))[None]
        inside[min(int((y0 + y1) / 2 * cells), cells - 1), min(int((x0 + x1) / 2 * cells), cells - 1)] = True
    return inside


def boxes(lab):
    """Heads as shipped and, with a weight, minus the log of the share of softmax(map) that is in the boxes."""
    stacked = np.load(bank.kept_path(lab.cache, 'plain', 'maps'), mmap_mode='r')
    views = [np.asarray(lab.view(name)) for name in ('plain', 'mirrored')]
    grouped = boxes_by_image(lab.dataset)
    logits = {w: np.full(lab.dataset.labels.shape, np.nan) for w in BOX_WEIGHTS}
    cams = {w: {} for w in BOX_WEIGHTS}
    for fold in lab.folds:
        rows, held_out = lab.training_rows(fold), np.flatnonzero(lab.dataset.folds == fold)
        stack = np.concatenate([v[rows] for v in views])
        space = Space(stack, span=len(rows))
        x, test = (torch.from_numpy(space.coordinates(v).astype(np.float32)) for v in (stack, views[0][held_out]))
        targets, weights = (torch.from_numpy(v.astype(np.float32)) for v in lab.training(rows, 2))
        average = np.mean([stacked[r].astype(np.float32) for r in rows[::4]], axis=0)
        # Cells have no mean to subtract: it goes with the average image's map.
        axes = space.axes / space.scale.astype(np.float32)[:, None]

        def cells(some):
            parts = [cell_rows(stacked[some[s : s + 16]].astype(np.float32) - average) @ axes for s in range(0, len(some), 16)]
            return torch.from_numpy(np.concatenate(parts).reshape(len(some), 49, -1))

        boxed = sorted({row for row, _ in grouped if lab.dataset.folds[row] != fold})
        seen = sorted({row for row, _ in grouped if lab.dataset.folds[row] == fold})
        at = {row: i for i, row in enumerate(boxed)}
        pairs = [(at[row], finding, in_boxes(c).ravel()) for (row, finding), c in grouped.items() if row in at]
        pair_row, pair_finding = (torch.tensor([p[i] for p in pairs]) for i in (0, 1))
        inside = torch.from_numpy(np.stack([p[2] for p in pairs]))
        train_cells, test_cells = cells(boxed), cells(seen)
        step = 1 / torch.sqrt(0.1 * (x**2).sum(0) + 2 * lab.l2)
        weight = torch.zeros((targets.shape[1], x.shape[1]), requires_grad=True)
        bias = torch.zeros(targets.shape[1], requires_grad=True)
        for box_weight in BOX_WEIGHTS:

            def loss(box_weight=box_weight):
                w = weight * step
                value = weighted_cross_entropy(x @ w.T + bias, targets, weights) + lab.l2 * (w**2).sum()
                if box_weight > 0:
                    maps = (train_cells @ w.T)[pair_row, :, pair_finding]
                    share = torch.logsumexp(maps.masked_fill(~inside, -1e9), 1) - torch.logsumexp(maps, 1)
                    value = value - box_weight * share.sum()
                return value

            minimise([weight, bias], loss, 150)
            with torch.no_grad():
                w = weight * step
                logits[box_weight][held_out] = (test @ w.T + bias).numpy()
                for row, one in zip(seen, (test_cells @ w.T).numpy()):
                    cams[box_weight][row] = one.T.reshape(-1, 7, 7)
        del train_cells, test_cells
    measured = dataclasses.replace(
        lab.dataset, boxes=tuple(b for b in lab.dataset.boxes if lab.dataset.folds[b[0]] in lab.folds)
    )
    for box_weight in BOX_WEIGHTS:
        game = pointing_game(measured, cams[box_weight].__getitem__)
        images = sum(v['images'] for v in game.values())
        hits = sum(v['images'] * v['hit_rate'] for v in game.values()) / images
        print({k: round(v['hit_rate'], 2) for k, v in game.items()}, flush=True)
        lab.report('boxes', f'{box_weight}, hit rate {hits:.3f}', logits[box_weight])
