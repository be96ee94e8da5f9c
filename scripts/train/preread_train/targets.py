"""Training targets and weights: labels mixed with the calibrated opinion of the teacher where there is one."""

import numpy as np

from .metrics import fit_platt, sigmoid

TEACHER_SHARE = 0.7
# An image with a teacher score counts as this many without: its target is less noisy.
TAUGHT_WEIGHT = 3.0
CLIP = 1e-6


def soft_targets(labels, teacher, rows, share=TEACHER_SHARE):
    """[n, k]; only `rows` may be used for fitting, and only they are changed.

    The teacher's scores come from a population with other prevalences, so they are first calibrated
    (Platt) to the labels of the same training rows. Targets of held-out rows stay labels and are never used.
    """
    targets = labels.copy()
    if share == 0:
        return targets
    known = rows[~np.isnan(teacher[rows, 0])]
    probabilities = np.clip(teacher[known], CLIP, 1 - CLIP)
    scores = np.log(probabilities / (1 - probabilities))
    for finding in range(labels.shape[1]):
        slope, intercept = fit_platt(labels[known, finding], scores[:, finding])
        opinion = sigmoid(slope * scores[:, finding] + intercept)
        targets[known, finding] = (1 - share) * labels[known, finding] + share * opinion
    return targets


def row_weights(teacher, rows):
    """[len(rows)], 1 on average."""
    weights = np.where(np.isnan(teacher[rows, 0]), 1.0, TAUGHT_WEIGHT)
    return weights / weights.mean()
