"""Discrimination, calibration and operating points. Pure functions over arrays."""

import numpy as np
from scipy.optimize import minimize
from scipy.stats import norm, rankdata


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def auroc(labels, scores):
    """Area under the ROC curve by midranks (ties count one half)."""
    positives = labels > 0.5
    m, n = positives.sum(), (~positives).sum()
    ranks = rankdata(scores)
    return (ranks[positives].sum() - m * (m + 1) / 2) / (m * n)


def auroc_delong(labels, scores, level=0.95):
    """(AUROC, low, high): DeLong et al. 1988, interval on the logit scale.

    Treats images as independent; bootstrap_auroc resamples patients.
    """
    positives = scores[labels > 0.5]
    negatives = scores[labels <= 0.5]
    m, n = len(positives), len(negatives)
    joint = rankdata(np.concatenate([positives, negatives]))
    v10 = (joint[:m] - rankdata(positives)) / n
    v01 = 1.0 - (joint[m:] - rankdata(negatives)) / m
    area = v10.mean()
    error = np.sqrt(v10.var(ddof=1) / m + v01.var(ddof=1) / n)
    if not 0.0 < area < 1.0:
        return area, area, area
    half = norm.ppf(0.5 + level / 2) * error / (area * (1 - area))
    logit = np.log(area / (1 - area))
    return area, sigmoid(logit - half), sigmoid(logit + half)


def bootstrap_auroc(labels, scores, patients, draws, seed):
    """95 % percentile interval of the AUROC when whole patients are drawn with replacement."""
    rng = np.random.default_rng(seed)
    _, patient_of = np.unique(patients, return_inverse=True)
    order = np.argsort(scores, kind='stable')
    sorted_scores = scores[order]
    positive = labels[order] > 0.5
    # Groups of equal scores share a midrank.
    starts = np.flatnonzero(np.r_[True, sorted_scores[1:] != sorted_scores[:-1]])
    areas = []
    for _ in range(draws):
        times = np.bincount(rng.integers(patient_of.max() + 1, size=patient_of.max() + 1),
                            minlength=patient_of.max() + 1)[patient_of[order]]
        p = np.add.reduceat(times * positive, starts)
        q = np.add.reduceat(times * ~positive, starts)
        if p.sum() == 0 or q.sum() == 0:
            continue
        areas.append((p * (np.cumsum(q) - q / 2)).sum() / (p.sum() * q.sum()))
    return tuple(np.percentile(areas, [2.5, 97.5]))


def fit_platt(labels, logits):
    """(slope, intercept) of sigmoid(slope * logit + intercept), maximum likelihood.

    Targets are smoothed as in Platt 1999, which keeps rare findings finite.
    """
    positives = labels.sum()
    negatives = len(labels) - positives
    target = np.where(labels > 0.5, (positives + 1) / (positives + 2), 1 / (negatives + 2))

    def loss(parameters):
        z = parameters[0] * logits + parameters[1]
        error = sigmoid(z) - target
        value = np.mean(np.logaddexp(0, z) - target * z)
        return value, np.array([np.mean(error * logits), np.mean(error)])

    return tuple(minimize(loss, np.array([1.0, 0.0]), jac=True, method='BFGS').x)


def expected_calibration_error(labels, probabilities, bins=10):
    """ECE over equally wide bins: sum of n_b/N |observed - predicted|."""
    index = np.minimum((probabilities * bins).astype(int), bins - 1)
    total = 0.0
    for b in range(bins):
        chosen = index == b
        if chosen.any():
            total += chosen.mean() * abs(labels[chosen].mean() - probabilities[chosen].mean())
    return total


def youden_threshold(labels, probabilities):
    """The probability that maximises sensitivity + specificity - 1 with the rule p >= threshold."""
    order = np.argsort(-probabilities, kind='stable')
    p, y = probabilities[order], labels[order]
    gain = np.cumsum(y) / y.sum() - np.cumsum(1 - y) / (1 - y).sum()
    last_of_tie = np.r_[p[1:] != p[:-1], True]
    return p[np.argmax(np.where(last_of_tie, gain, -np.inf))]


def sensitivity_threshold(labels, probabilities, sensitivity):
    """The highest probability at which at least this share of the positives is flagged (p >= t)."""
    positives = np.sort(probabilities[labels > 0.5])[::-1]
    return positives[int(np.ceil(sensitivity * len(positives) - 1e-9)) - 1]


def specificity_threshold(labels, probabilities, specificity):
    """The lowest probability at which at most 1 - specificity of the negatives is flagged (p >= t)."""
    negatives = np.sort(probabilities[labels <= 0.5])[::-1]
    allowed = int((1 - specificity) * len(negatives) + 1e-9)
    # Just above the first negative that may not be flagged.
    return np.nextafter(negatives[allowed], 1.0)


def rates(labels, probabilities, threshold):
    """(sensitivity, specificity) of p >= threshold."""
    flagged = probabilities >= threshold
    return flagged[labels > 0.5].mean(), (~flagged)[labels <= 0.5].mean()
