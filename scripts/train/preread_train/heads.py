"""L2-regularised logistic regression for all findings at once, with hard or soft targets and weighted rows.

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


def relevance(standard, targets, weights):
    """[d]: mean over the findings of the |weighted covariance| of a standardised column and the standardised target."""
    centred = targets - np.average(targets, axis=0, weights=weights)
    scaled = (centred / centred.std(axis=0) * weights[:, None] / weights.sum()).astype(np.float32)
    return np.abs(standard.T @ scaled).mean(axis=1)


class Space:
    """Standardised columns of features [n, d], and orthonormal axes of what their first `span` rows span.

    powered_relevance(standardised first rows) multiplies the columns: where it is large the penalty is weak.
    """

    def __init__(self, features, span=None, powered_relevance=None):
        self.mean, self.scale = standardise(features)
        if powered_relevance is not None:
            factor = powered_relevance(self.standard(features[:span]))
            # A column that never changes has no relevance, and is 0 at any scale.
            self.scale = self.scale * np.sqrt((factor**2).mean()) / np.where(factor > 0, factor, 1.0)
        basis = self.standard(features[:span])
        values, vectors = np.linalg.eigh((basis @ basis.T).astype(np.float64))
        kept = values > SMALLEST_EIGENVALUE * values[-1]
        # V = X^T U / S: orthonormal columns.
        self.axes = basis.T @ (vectors[:, kept] / np.sqrt(values[kept])).astype(np.float32)

    def standard(self, features):
        return ((features - self.mean) / self.scale).astype(np.float32)

    def coordinates(self, features):
        """float64 [n, r]."""
        return (self.standard(features) @ self.axes).astype(np.float64)

    def raw(self, coefficients, bias):
        """Heads [k, r], [k] in coordinates as (W [k, d], b [k]) for the raw columns."""
        weight = (coefficients @ self.axes.T.astype(np.float64)) / self.scale
        return weight, bias - weight @ self.mean


def fit_path(features, targets, penalties, weights=None, span=None, relevance_power=0.0):
    """For each l2 of `penalties`: minimise weighted sum of cross-entropies + l2/2 |W|^2 on standardised columns.

    features [n, d], targets [n, k] in 0..1, weights [n] (1 if None); the bias is not penalised. Returns a list of
    (W [k, d], b [k]) for the raw columns, float64. Deterministic: full-batch L-BFGS from zero. span: W is looked for
    among the combinations of the first `span` rows only, which for images and their mirror images halves the problem.
    relevance_power: the standardised columns are multiplied by this power of their relevance to the targets of those rows.
    """
    weights = np.ones(len(features)) if weights is None else np.asarray(weights, np.float64)

    def powered(standard):
        return relevance(standard, targets[:span], weights[:span]) ** relevance_power

    space = Space(features, span, powered if relevance_power > 0 else None)
    x = space.coordinates(features)
    return [space.raw(*fit_coordinates(x, targets, l2, weights)) for l2 in penalties]


def fit_heads(features, targets, l2, weights=None, span=None):
    """The heads of fit_path for one l2."""
    return fit_path(features, targets, (l2,), weights, span)[0]


def fit_coordinates(x, targets, l2, weights=None):
    """Heads in principal coordinates x [n, r].

    Each axis is scaled by its curvature, about p (1 - p) |x|^2 + l2 with 0.1 for p (1 - p): that changes the
    path and not the minimum, and saves most of the steps.
    """
    step = torch.from_numpy(1.0 / np.sqrt(0.1 * (x**2).sum(axis=0) + l2))
    row_weight = torch.from_numpy(np.ones(len(x)) if weights is None else np.asarray(weights, np.float64))[:, None]
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
        value = torch.nn.functional.binary_cross_entropy_with_logits(logits, y, row_weight, reduction='sum')
        value = value + l2 / 2 * ((weight * step) ** 2).sum()
        value.backward()
        return value

    optimiser.step(loss)
    return (weight * step).detach().numpy(), bias.detach().numpy()
