"""L2-regularised logistic regression for all findings at once, with hard or soft targets."""

import numpy as np
import torch

MAX_ITERATIONS = 300


def standardise(features):
    """Mean and scale (never 0) of each column."""
    mean = features.mean(axis=0)
    scale = features.std(axis=0)
    return mean, np.where(scale > 1e-8, scale, 1.0)


def preconditioner(standard, l2):
    """Principal axes, each scaled by its curvature, so that L-BFGS needs tens of steps, not hundreds.

    The curvature of the loss along an axis with sum of squares v is about p (1 - p) v + l2; 0.1 stands
    for p (1 - p). It changes the path, not the minimum.
    """
    values, axes = np.linalg.eigh(standard.T @ standard)
    return axes / np.sqrt(0.1 * np.maximum(values, 0.0) + l2)


def fit_heads(features, targets, l2):
    """Minimise sum of cross-entropies + l2/2 |W|^2 on standardised columns; the bias is not penalised.

    features [n, d], targets [n, k] in 0..1. Returns (W [k, d], b [k]) for the raw columns, float64.
    Deterministic: full-batch L-BFGS from zero.
    """
    mean, scale = standardise(features)
    standard = (features - mean) / scale
    basis = preconditioner(standard, l2)
    x = torch.from_numpy(standard @ basis)
    back = torch.from_numpy(basis.T)
    y = torch.from_numpy(np.asarray(targets, np.float64))
    weight = torch.zeros((y.shape[1], x.shape[1]), dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(y.shape[1], dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS(
        [weight, bias], max_iter=MAX_ITERATIONS, history_size=20, line_search_fn='strong_wolfe',
        tolerance_grad=1e-3, tolerance_change=1e-3,
    )

    def loss():
        optimiser.zero_grad()
        logits = x @ weight.T + bias
        value = torch.nn.functional.binary_cross_entropy_with_logits(logits, y, reduction='sum')
        value = value + l2 / 2 * ((weight @ back) ** 2).sum()
        value.backward()
        return value

    optimiser.step(loss)
    raw = (weight @ back).detach().numpy() / scale
    return raw, bias.detach().numpy() - raw @ mean
