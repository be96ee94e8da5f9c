"""Out-of-fold logits: every patient is scored by heads that never saw that patient."""

import numpy as np

from .dataset import FOLDS
from .heads import fit_heads
from .targets import row_weights, soft_targets


def fit_on(pooled, dataset, rows, l2):
    """Heads trained on these rows and their mirror images. l2 is stated per image, hence twice."""
    targets = soft_targets(dataset.labels, dataset.teacher, rows)[rows]
    weights = row_weights(dataset.teacher, rows)
    features = np.concatenate([pooled[0][rows], pooled[1][rows]])
    targets, weights = (np.concatenate([part, part]) for part in (targets, weights))
    return fit_heads(features, targets, 2 * l2, weights, span=len(rows))


def fold_heads(pooled, dataset, l2, log=print):
    """For each fold the (W, b) trained on the other four."""
    heads = []
    for fold in range(FOLDS):
        heads.append(fit_on(pooled, dataset, np.flatnonzero(dataset.folds != fold), l2))
        log(f'fold {fold} trained', flush=True)
    return heads


def out_of_fold_logits(pooled, folds, heads):
    """[n, k]; the held-out image is scored as it is, never mirrored."""
    logits = np.zeros((len(folds), len(heads[0][1])))
    for fold, (weight, bias) in enumerate(heads):
        held_out = folds == fold
        logits[held_out] = pooled[0][held_out] @ weight.T + bias
    return logits
