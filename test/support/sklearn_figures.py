"""What scikit-learn and NumPy say of labelled scores (JSON on stdin): the peer of core/evaluation."""

import json
import sys

import numpy as np
from sklearn import calibration, isotonic, metrics


def delong_variance(scores, labels):
    """DeLong 1988 by its definition: all pairs, no ranks."""
    x, y = scores[labels == 1], scores[labels == 0]
    psi = (x[:, None] > y[None, :]) + 0.5 * (x[:, None] == y[None, :])
    return psi.mean(), psi.mean(1).var(ddof=1) / len(x) + psi.mean(0).var(ddof=1) / len(y)


def ece(scores, labels, bins):
    index = np.minimum((scores * bins).astype(int), bins - 1)
    return sum(
        (index == b).mean() * abs(labels[index == b].mean() - scores[index == b].mean())
        for b in range(bins)
        if (index == b).any()
    )


data = json.load(sys.stdin)
scores, labels = np.array(data["scores"]), np.array(data["labels"])
logits = np.log(scores / (1 - scores))
auroc, variance = delong_variance(scores, labels)
a, b = calibration._sigmoid_calibration(logits, labels)
fitted = isotonic.IsotonicRegression(out_of_bounds="clip").fit(logits, labels)
json.dump(
    {
        "auroc": metrics.roc_auc_score(labels, scores),
        "delongAuroc": auroc,
        "delongVariance": variance,
        "averagePrecision": metrics.average_precision_score(labels, scores),
        "brier": metrics.brier_score_loss(labels, scores),
        "ece10": ece(scores, labels, 10),
        "ece15": ece(scores, labels, 15),
        "platt": [-a, -b],
        "isotonic": fitted.predict(np.array(data["probes"])).tolist(),
    },
    sys.stdout,
)
