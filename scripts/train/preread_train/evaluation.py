"""Everything that is measured on out-of-fold logits, as one dictionary for manifest and card."""

import numpy as np

from . import metrics
from .dataset import FINDINGS, FOLDS

BOOTSTRAP_DRAWS = 2000
HIGH_SENSITIVITY = 0.90
HIGH_SPECIFICITY = 0.95
# For a worklist: most studies must stay where they were. Chosen before any score was seen.
DEFAULT_POINT = 'high-specificity'
POINTS = ('youden', 'high-sensitivity', 'high-specificity')
# A subgroup with fewer positives or negatives of a finding says nothing about it.
SMALLEST_GROUP = 10
# A finding under either is withheld: over all folds, and within the set of balanced labels.
WITHHOLD_BELOW = 0.70
WITHHOLD_BELOW_BALANCED = 0.60


def withheld_reason(figures):
    """Why the finding is computed but not shown, or None."""
    limits = (
        ('auroc', WITHHOLD_BELOW, ''),
        ('balanced_auroc', WITHHOLD_BELOW_BALANCED, ' within the balanced set'),
    )
    for field, limit, where in limits:
        if figures[field] < limit:
            return (
                f'Out-of-fold AUROC{where} {figures[field]:.3f} is below {limit:.2f}: '
                'too weak to be shown or to set a priority.'
            )
    return None


def flagged_shares(dataset, logits, findings, point):
    """(share of the images with, share of those without any positive label) that have a shown finding flagged."""
    flagged = np.zeros(len(logits), bool)
    for index, figures in enumerate(findings.values()):
        if withheld_reason(figures) is None:
            flagged |= metrics.sigmoid(logits[:, index]) >= figures['thresholds'][point]
    diseased = dataset.labels.max(axis=1) > 0.5
    return flagged[diseased].mean(), flagged[~diseased].mean()


def subgroups(dataset):
    """{title: boolean [n]}: what the data tells of an image apart from its findings."""
    _, patient_of, images_of = np.unique(dataset.patients, return_inverse=True, return_counts=True)
    taught = ~np.isnan(dataset.teacher[:, 0])
    return {
        **{f'set {name}': dataset.sets == name for name in sorted(set(dataset.sets))},
        'patients with one image': images_of[patient_of] == 1,
        'patients with several images': images_of[patient_of] > 1,
        'with a teacher score': taught,
        'without a teacher score': ~taught,
        **{f'fold {fold}': dataset.folds == fold for fold in range(FOLDS)},
    }


def subgroup_figures(dataset, logits):
    """{title: (images, findings that could be measured, their mean AUROC)}."""
    result = {}
    for title, inside in subgroups(dataset).items():
        labels = dataset.labels[inside]
        enough = np.minimum(labels.sum(0), (1 - labels).sum(0)) >= SMALLEST_GROUP
        areas = [metrics.auroc(labels[:, i], logits[inside, i]) for i in np.flatnonzero(enough)]
        result[title] = (int(inside.sum()), len(areas), float(np.mean(areas)))
    return result


def false_alarms(dataset, logits, findings):
    """{key: (share flagged of negatives with another positive label, of those without any)}, default point."""
    diseased = dataset.labels.max(axis=1) > 0.5
    result = {}
    for index, (key, figures) in enumerate(findings.items()):
        negative = dataset.labels[:, index] <= 0.5
        flagged = metrics.sigmoid(logits[:, index]) >= figures['thresholds'][DEFAULT_POINT]
        result[key] = (flagged[negative & diseased].mean(), flagged[negative & ~diseased].mean())
    return result


def cross_fitted_platt(labels, logits, folds):
    """Calibrated probabilities in which each fold is calibrated by the other four."""
    calibrated = np.zeros(len(logits))
    for fold in range(FOLDS):
        held_out = folds == fold
        slope, intercept = metrics.fit_platt(labels[~held_out], logits[~held_out])
        calibrated[held_out] = metrics.sigmoid(slope * logits[held_out] + intercept)
    return calibrated


def evaluate_finding(dataset, index, logits, seed):
    """All figures of one finding; intervals resample patients."""
    labels = dataset.labels[:, index]
    score = logits[:, index]
    probabilities = metrics.sigmoid(score)
    balanced = dataset.sets == 'balanced'
    area, delong_low, delong_high = metrics.auroc_delong(labels, score)
    thresholds = {
        'youden': metrics.youden_threshold(labels, probabilities),
        'high-sensitivity': metrics.sensitivity_threshold(labels, probabilities, HIGH_SENSITIVITY),
        'high-specificity': metrics.specificity_threshold(labels, probabilities, HIGH_SPECIFICITY),
    }
    slope, intercept = metrics.fit_platt(labels, score)
    return {
        'auroc': area,
        'auroc95': metrics.bootstrap_auroc(labels, score, dataset.patients, BOOTSTRAP_DRAWS, seed),
        'delong95': (delong_low, delong_high),
        'balanced_auroc': metrics.auroc(labels[balanced], score[balanced]),
        'balanced95': metrics.bootstrap_auroc(
            labels[balanced], score[balanced], dataset.patients[balanced], BOOTSTRAP_DRAWS, seed
        ),
        'positives': int(labels.sum()),
        'negatives': int(len(labels) - labels.sum()),
        'balanced_positives': int(labels[balanced].sum()),
        'thresholds': thresholds,
        'rates': {name: metrics.rates(labels, probabilities, t) for name, t in thresholds.items()},
        'platt': (slope, intercept),
        'ece_before': metrics.expected_calibration_error(labels, probabilities),
        'ece_after': metrics.expected_calibration_error(
            labels, cross_fitted_platt(labels, score, dataset.folds)
        ),
    }


def evaluate(dataset, logits, seed):
    """{'findings': {key: figures}, 'mean_auroc': ..., 'mean_balanced': ..., 'fold_means': [...]}."""
    findings = {key: evaluate_finding(dataset, i, logits, seed) for i, key in enumerate(FINDINGS)}
    folds = []
    for fold in range(FOLDS):
        inside = dataset.folds == fold
        folds.append(np.mean([
            metrics.auroc(dataset.labels[inside, i], logits[inside, i]) for i in range(len(FINDINGS))
        ]))
    return {
        'findings': findings,
        'mean_auroc': float(np.mean([f['auroc'] for f in findings.values()])),
        'mean_balanced': float(np.mean([f['balanced_auroc'] for f in findings.values()])),
        'fold_means': folds,
        'flagged': {point: flagged_shares(dataset, logits, findings, point) for point in POINTS},
        'false_alarms': false_alarms(dataset, logits, findings),
        'subgroups': subgroup_figures(dataset, logits),
    }
