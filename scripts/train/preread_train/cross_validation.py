"""Out-of-fold logits: every patient is scored by heads that never saw that patient.

Findings differ in how much regularisation they bear, so each has the penalty with the best out-of-fold AUROC: for the
heads of a fold by the images of the other folds, for the shipped heads by all.
"""

import numpy as np

from .dataset import FOLDS
from .heads import fit_path
from .metrics import auroc
from .targets import row_weights, soft_targets

# Of L2 on the standardised columns, stated per image.
PENALTIES = (400.0, 1200.0, 4000.0, 12000.0)
RELEVANCE_POWER = 1.0


def fit_on(views, dataset, rows):
    """For each of PENALTIES the (W, b) trained on these rows of every view [n, d]; the first view spans the weights."""
    targets = soft_targets(dataset.labels, dataset.teacher, rows)[rows]
    weights = row_weights(dataset.teacher, rows)
    targets, weights = np.tile(targets, (len(views), 1)), np.tile(weights, len(views))
    features = np.concatenate([view[rows] for view in views])
    penalties = [len(views) * penalty for penalty in PENALTIES]
    return fit_path(features, targets, penalties, weights, len(rows), RELEVANCE_POWER)


def fold_heads(views, dataset, log=print):
    """[fold][penalty]: the (W, b) trained on the other four folds."""
    heads = []
    for fold in range(FOLDS):
        heads.append(fit_on(views, dataset, np.flatnonzero(dataset.folds != fold)))
        log(f'fold {fold} trained', flush=True)
    return heads


def out_of_fold_logits(view, folds, heads):
    """[n, k] from the (W, b) of each fold; the held-out image is scored as it is, never mirrored or moved."""
    logits = np.zeros((len(folds), len(heads[0][1])))
    for fold, (weight, bias) in enumerate(heads):
        held_out = folds == fold
        logits[held_out] = view[held_out] @ weight.T + bias
    return logits


def best_penalties(dataset, by_penalty, inside):
    """[k]: the index of the penalty with the best AUROC of these rows; by_penalty: [penalties, n, k] logits."""
    areas = [
        [auroc(dataset.labels[inside, i], logits[inside, i]) for i in range(logits.shape[1])] for logits in by_penalty
    ]
    return np.argmax(areas, axis=0)


def pick(path, chosen):
    """(W, b) whose row of each finding is that of its penalty; path: the (W, b) of every penalty."""
    weights, biases = (np.stack([head[part] for head in path]) for part in (0, 1))
    findings = np.arange(len(chosen))
    return weights[chosen, findings], biases[chosen, findings]


def choose(view, dataset, heads):
    """((W, b) of each fold, [k] penalties for the shipped heads) from the heads of fold_heads."""
    by_penalty = np.stack([
        out_of_fold_logits(view, dataset.folds, [path[index] for path in heads]) for index in range(len(heads[0]))
    ])
    picked = [
        pick(path, best_penalties(dataset, by_penalty, dataset.folds != fold)) for fold, path in enumerate(heads)
    ]
    return picked, best_penalties(dataset, by_penalty, np.ones(len(dataset.folds), bool))
