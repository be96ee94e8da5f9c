"""Experiments that learn from out-of-fold scores within the training rows: distillation, and findings from findings."""

from dataclasses import replace

import numpy as np
import torch
from scipy.linalg import solve

from .dataset import FINDINGS
from .laboratory import Problem, image_problem, logistic
from .metrics import sigmoid

SEED = 11
INNER_FOLDS = 4
RADIAL_L2 = 1.0
MIXING_STRENGTHS = (10.0, 100.0, 1000.0)


def inner_logits(lab, rows, predict):
    """Out-of-fold scores within training rows, by patient. predict(kept, left out) of positions in rows."""
    _, patient = np.unique(lab.dataset.patients[rows], return_inverse=True)
    part = np.random.default_rng(SEED).permutation(patient.max() + 1)[patient] % INNER_FOLDS
    logits = np.zeros((len(rows), len(FINDINGS)))
    for inner in range(INNER_FOLDS):
        kept, left_out = np.flatnonzero(part != inner), np.flatnonzero(part == inner)
        logits[left_out] = predict(kept, left_out)
    return logits


def radial(gram, targets, weights, kept, scored):
    """Weighted kernel ridge regression with exp(-|a - b|^2 / (2 mean |a|^2)) on unmirrored images."""
    norm = np.diag(gram)
    width = 2 * norm[kept].mean()

    def kernel(rows):
        return np.exp((2 * gram[np.ix_(rows, kept)] - norm[rows][:, None] - norm[kept][None]).astype(np.float64) / width)

    mean = np.average(targets, axis=0, weights=weights)
    system = kernel(kept)
    system[np.diag_indices(len(kept))] += RADIAL_L2 / weights
    return mean + kernel(scored) @ solve(system, targets - mean, assume_a='pos')


def distilled(lab):
    """A radial kernel alone, its mean with linear heads, and linear heads whose targets are mixed with its opinion."""
    gram, shares = lab.gram('plain'), (0.3, 0.6)

    def predict(_fold, rows, held_out):
        problem, test = image_problem(lab, rows, held_out)
        targets, weights = lab.training(rows)
        teacher = inner_logits(
            lab, rows, lambda kept, out: radial(gram, targets[kept], weights[kept], rows[kept], rows[out])
        )
        results = [radial(gram, targets, weights, rows, held_out)]
        for share in (0.0, *shares):
            mixed = np.clip((1 - share) * targets + share * teacher, 0, 1)
            results.append(lab.solver(replace(problem, targets=np.tile(mixed, (2, 1))), 2.0, test))
        return np.stack(results, axis=-1)

    every = lab.cross_validate(predict)
    lab.report('distilled', 'radial kernel', every[..., 0])
    linear = sigmoid(every[..., 1]) if lab.solver is logistic else every[..., 1]
    lab.report('distilled', 'mean of radial kernel and linear', every[..., 0] + linear)
    for index, share in enumerate(shares):
        lab.report('distilled', f'share {share}', every[..., 2 + index])


def mixed_findings(lab):
    """Each logit becomes a combination of all fourteen, learned on inner out-of-fold logits: still linear heads."""
    gram = lab.gram('plain')

    def predict(_fold, rows, held_out):
        problem, test = image_problem(lab, rows, held_out)
        targets, weights = lab.training(rows)

        def inner(kept, out):
            square = gram[np.ix_(rows[kept], rows[kept])]
            return logistic(
                Problem(square, square, targets[kept], weights[kept]), 1.0, gram[np.ix_(rows[out], rows[kept])]
            )

        own, outer = inner_logits(lab, rows, inner), logistic(problem, 2.0, test)
        results = []
        for strength in MIXING_STRENGTHS:
            mix = np.stack([mixing(own, targets[:, i], weights, i, strength) for i in range(len(FINDINGS))])
            results.append(outer + outer @ mix.T)
        return np.stack(results, axis=-1)

    every = lab.cross_validate(predict)
    for index, strength in enumerate(MIXING_STRENGTHS):
        lab.report('mixed-findings', f'{strength:.0f}', every[..., index])


def mixing(inner, target, weights, finding, strength):
    """[k] to add to the unit vector of the finding: only the difference from its own logit costs."""
    x, own = (torch.from_numpy(v) for v in (inner - inner.mean(0), inner[:, finding]))
    y, w = torch.from_numpy(target), torch.from_numpy(weights)
    mix = torch.zeros(x.shape[1], dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([mix, bias], max_iter=100, line_search_fn='strong_wolfe')

    def loss():
        optimiser.zero_grad()
        value = torch.nn.functional.binary_cross_entropy_with_logits(own + x @ mix + bias, y, w, reduction='sum')
        value = value + strength / 2 * (mix**2).sum()
        value.backward()
        return value

    optimiser.step(loss)
    return mix.detach().numpy()
