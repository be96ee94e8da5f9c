"""Out-of-fold logits: every patient is scored by heads that never saw that patient."""

import numpy as np

from .dataset import FOLDS
from .heads import fit_heads


def fit_on(pooled, targets, rows, l2):
    """Heads trained on these rows and their mirror images. l2 is stated per image, hence twice."""
    stacked = np.concatenate([pooled[0][rows], pooled[1][rows]]).astype(np.float64)
    return fit_heads(stacked, np.concatenate([targets[rows], targets[rows]]), 2 * l2)


def fold_heads(pooled, targets, folds, l2):
    """For each fold the (W, b) trained on the other four."""
    return [fit_on(pooled, targets, np.flatnonzero(folds != fold), l2) for fold in range(FOLDS)]


def out_of_fold_logits(pooled, folds, heads):
    """[n, k]; the held-out image is scored as it is, never mirrored."""
    logits = np.zeros((len(folds), len(heads[0][1])))
    for fold, (weight, bias) in enumerate(heads):
        held_out = folds == fold
        logits[held_out] = pooled[0][held_out] @ weight.T + bias
    return logits
