"""Ideas for better heads, each measured by the cross-validation of the shipped ones. Results: ../README.md.

    python3 -m preread_train.experiments IDEA ... --data DIR --cache DIR [--folds 0]

Out-of-fold logits are kept in the cache as logits-<idea>-<row>.npy, NaN in the folds that were left out.
"""

import argparse
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from . import adaptation, inner_folds, map_experiments, pretraining
from .__main__ import ROOT
from .dataset import FOLDS
from .heads import relevance, standardise
from .laboratory import IMAGE_VIEWS, Laboratory, Problem, chosen, image_problem

MOVED_VIEWS = (*IMAGE_VIEWS, 'moved1')
SEED = 11
DRAWS = 10
# Of the regularisation, in units of the shipped one.
STRENGTHS = (0.25, 0.5, 1.0, 2.0, 4.0)
# Weights of another source's pictures, each a negative of every finding.
NEGATIVE_WEIGHTS = (0.1, 0.5)
RELEVANCE_POWERS = (0.5, 1.0, 1.5, 2.0)
COMBINED_STRENGTHS = (0.2, 0.6, 2.0, 6.0)


def baseline(lab):
    lab.report('baseline', 'shipped', lab.heads([lab.gram(view) for view in IMAGE_VIEWS]))


def augmentation(lab):
    grams = [lab.gram(view) for view in MOVED_VIEWS]
    for strength in (1.0, 0.7):
        lab.report('augmentation', f'at {strength}', lab.heads(grams, strength))


def unmirrored(lab):
    lab.report('unmirrored', 'as shipped', lab.heads([lab.gram('plain')]))


def adapted(lab):
    """Batch norm with the statistics of radiographs, alone and beside that of ImageNet, without mirror images."""
    gram = lab.gram('adapted', 'adapted')
    for strength in (0.5, 1.0, 2.0):
        lab.report('adapted', f'alone at {strength}', lab.heads([gram], strength))
    lab.report('adapted', 'beside', lab.heads([lab.gram('plain') + gram], 2.0))


def resolution(lab):
    """320 px alone, and beside 224 px as one problem: the kernels of the two add up. Without mirror images."""
    fine = lab.gram('plain320', 'plain320')
    lab.report('resolution', '320', lab.heads([fine]))
    lab.report('resolution', '224 and 320', lab.heads([lab.gram('plain') + fine], 2.0))


def second_look(lab):
    """The score of an image averaged with those of its mirror image and of a moved copy."""
    grams = [lab.gram(view) for view in MOVED_VIEWS]

    def predict(_fold, rows, held_out):
        problem, _ = image_problem(lab, rows, held_out)
        return np.stack([lab.solver(problem, 2.0, gram[np.ix_(held_out, rows)]) for gram in grams], axis=-1)

    every = lab.cross_validate(predict)
    lab.report('second-look', 'mirror image', every[..., :2].mean(axis=-1))
    lab.report('second-look', 'mirror image and moved copy', every.mean(axis=-1))


def relevant_heads(lab, names, power, strengths):
    """Out-of-fold logits [n, k, strengths] of heads on columns multiplied by a power of their relevance.

    Relevant columns so have a weaker penalty than others. names: of the views that are trained on, the first scored.
    """
    views = [np.asarray(lab.view(name)) for name in names]
    mean, scale = standardise(views[0])
    views = [((view - mean) / scale).astype(np.float32) for view in views]

    def predict(_fold, rows, held_out):
        targets, weights = lab.training(rows, len(views))
        factor = relevance(views[0][rows], targets[: len(rows)], weights[: len(rows)]) ** power
        factor /= np.sqrt((factor**2).mean())
        basis = views[0][rows] * factor
        kernel = np.concatenate([(view[rows] * factor) @ basis.T for view in views])
        problem, test = Problem(kernel[: len(rows)], kernel, targets, weights), (views[0][held_out] * factor) @ basis.T
        return np.stack([lab.solver(problem, len(views) * strength, test) for strength in strengths], axis=-1)

    return lab.cross_validate(predict)


def column_scales(lab):
    for power in RELEVANCE_POWERS:
        lab.report('column-scales', f'power {power}', relevant_heads(lab, IMAGE_VIEWS, power, (1.0,))[..., 0])


def combined(lab):
    """What helped, together: relevance, a moved copy of each image, a penalty for each finding."""
    by_strength = relevant_heads(lab, MOVED_VIEWS, 1.0, COMBINED_STRENGTHS)
    lab.report('combined', 'best of each finding in the other folds', chosen(lab, by_strength))


def negatives(lab):
    """Adult normals of another source, after the same degradation of every picture; NIH images as they are as well."""
    grams = [lab.gram(view) for view in IMAGE_VIEWS + ('degraded',)]
    lab.report('negatives', 'degraded too', lab.heads(grams))
    for weight in NEGATIVE_WEIGHTS:
        logits = lab.heads(grams, negatives=lab.gram('rsna-degraded'), weight=weight)
        lab.report('negatives', f'rsna {weight}', logits)


def averages(lab):
    """Means of the weights of heads, over draws of patients and over regularisations; a regularisation a finding."""
    def predict(fold, rows, held_out):
        problem, test = image_problem(lab, rows, held_out)
        _, patient = np.unique(lab.dataset.patients[rows], return_inverse=True)
        rng, patients = np.random.default_rng((SEED, fold)), patient.max() + 1
        draws = []
        for _ in range(DRAWS):
            times = np.bincount(rng.integers(0, patients, patients), minlength=patients)
            weights = problem.weights * np.tile(times[patient], 2)
            draws.append(lab.solver(replace(problem, weights=weights), 2.0, test))
        by_strength = [lab.solver(problem, 2 * strength, test) for strength in STRENGTHS]
        # The mean of the logits of linear heads is the logit of the mean of their weights.
        return np.stack([np.mean(draws, axis=0), np.mean(by_strength, axis=0), *by_strength], axis=-1)

    every = lab.cross_validate(predict)
    lab.report('averages', 'draws of patients', every[..., 0])
    lab.report('averages', 'regularisations', every[..., 1])
    for index, strength in enumerate(STRENGTHS):
        lab.report('penalties', f'{strength}', every[..., 2 + index])
    lab.report('penalties', 'best of each finding in the other folds', chosen(lab, every[..., 2:]))


IDEAS = {
    'baseline': baseline, 'augmentation': augmentation, 'adapted': adapted, 'resolution': resolution,
    'column-scales': column_scales, 'combined': combined, 'pooling': map_experiments.pooling, 'boxes': map_experiments.boxes,
    'negatives': negatives, 'averages': averages, 'unmirrored': unmirrored, 'second-look': second_look,
    'distilled': inner_folds.distilled, 'mixed-findings': inner_folds.mixed_findings, 'findings': adaptation.on_findings,
    **pretraining.IDEAS,
}


def main():
    parser = argparse.ArgumentParser(prog='preread_train.experiments', description=__doc__)
    parser.add_argument('ideas', nargs='+', choices=IDEAS)
    parser.add_argument('--data', type=Path, default=ROOT.parent / 'shared' / 'data')
    parser.add_argument(
        '--cache', type=Path,
        default=Path(os.environ.get('XDG_CACHE_HOME', Path.home() / '.cache')) / 'preread-train',
    )
    parser.add_argument('--solver', choices=('ridge', 'logistic'), default='ridge')
    parser.add_argument('--folds', type=int, nargs='+', default=list(range(FOLDS)))
    parser.add_argument(
        '--processor-seconds', type=float, default=420, help='of one training of the late layers, whole epochs'
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    lab = Laboratory(options)
    for idea in options.ideas:
        IDEAS[idea](lab)


if __name__ == '__main__':
    main()
