"""L2-regularised logistic regression for all findings at once, with hard or soft targets.

There are several times more features than images, so the problem is solved in the space that the images
span: X = U S V^T, w = V c, |w| = |c|. The solution is the same as in the full space.
"""

import numpy as np
import torch

MAX_ITERATIONS = 300
# Of the summed loss, which is of the order of 0.3 a target.
TOLERANCE_PER_TARGET = 2e-8
# Relative to the largest; below it the direction is rounding noise.
SMALLEST_EIGENVALUE = 1e-9


def standardise(features):
    """Mean and scale (never 0) of each column."""
    mean = features.mean(axis=0, dtype=np.float64)
    scale = features.std(axis=0, dtype=np.float64)
    return mean, np.where(scale > 1e-8, scale, 1.0)


def fit_heads(features, targets, l2):
    """Minimise sum of cross-entropies + l2/2 |W|^2 on standardised columns; the bias is not penalised.

    features [n, d], targets [n, k] in 0..1. Returns (W [k, d], b [k]) for the raw columns, float64.
    Deterministic: full-batch L-BFGS from zero.
    """
    mean, scale = standardise(features)
    standard = ((features - mean) / scale).astype(np.float32)
    values, vectors = np.linalg.eigh((standard @ standard.T).astype(np.float64))
    kept = values > SMALLEST_EIGENVALUE * values[-1]
    values, vectors = values[kept], vectors[:, kept]
    coefficients, bias = fit_coordinates(vectors * np.sqrt(values), values, targets, l2)
    # w = V c with V = X^T U / S.
    raw = (coefficients @ (vectors / np.sqrt(values)).T @ standard.astype(np.float64)) / scale
    return raw, bias - raw @ mean


def fit_coordinates(x, values, targets, l2):
    """Heads in principal coordinates x [n, r] with the eigenvalues given.

    Each axis is scaled by its curvature, about p (1 - p) v + l2 with 0.1 for p (1 - p): that changes the
    path and not the minimum, and saves most of the steps.
    """
    step = torch.from_numpy(1.0 / np.sqrt(0.1 * values + l2))
    scaled = torch.from_numpy(x) * step
    y = torch.from_numpy(np.asarray(targets, np.float64))
    tolerance = TOLERANCE_PER_TARGET * y.numel()
    weight = torch.zeros((y.shape[1], scaled.shape[1]), dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(y.shape[1], dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS(
        [weight, bias], max_iter=MAX_ITERATIONS, history_size=20, line_search_fn='strong_wolfe',
        tolerance_grad=tolerance, tolerance_change=tolerance,
    )

    def loss():
        optimiser.zero_grad()
        logits = scaled @ weight.T + bias
        value = torch.nn.functional.binary_cross_entropy_with_logits(logits, y, reduction='sum')
        value = value + l2 / 2 * ((weight * step) ** 2).sum()
        value.backward()
        return value

    optimiser.step(loss)
    return (weight * step).detach().numpy(), bias.detach().numpy()
