"""Ideas for better heads, each measured by the cross-validation of the shipped ones. Results: ../README.md.

    python3 -m preread_train.experiments IDEA ... --data DIR --cache DIR [--folds 0]

Out-of-fold logits are kept in the cache as logits-<idea>-<row>.npy, NaN in the folds that were left out.
"""

import argparse
import os
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from scipy.linalg import solve

from . import adaptation, bank, map_experiments
from .__main__ import ROOT
from .dataset import FINDINGS, FOLDS, load_dataset
from .heads import SMALLEST_EIGENVALUE, fit_coordinates, relevance, standardise
from .metrics import auroc, sigmoid
from .targets import row_weights, soft_targets

IMAGE_VIEWS = ('plain', 'mirrored')
MOVED_VIEWS = (*IMAGE_VIEWS, 'moved1')
SEED = 11
# The penalty of version 1.2.0, the same for all findings.
L2 = 2000.0
DRAWS = 10
INNER_FOLDS = 4
# Of the regularisation, in units of the shipped one.
STRENGTHS = (0.25, 0.5, 1.0, 2.0, 4.0)
# Weights of another source's pictures, each a negative of every finding.
NEGATIVE_WEIGHTS = (0.1, 0.5)
RADIAL_L2 = 1.0
RIDGE_L2 = 35000.0
RELEVANCE_POWERS = (0.5, 1.0, 1.5, 2.0)
COMBINED_STRENGTHS = (0.2, 0.6, 2.0, 6.0)
MIXING_STRENGTHS = (10.0, 100.0, 1000.0)


class Laboratory:
    """The data, the folds that are measured, the solver, and where results go."""

    def __init__(self, options):
        self.data, self.cache, self.folds = options.data, options.cache, options.folds
        self.l2, self.processor_seconds = L2, options.processor_seconds
        self.solver = {'ridge': ridge, 'logistic': logistic}[options.solver]
        self.dataset = load_dataset(options.data / 'nih-cxr14-subset')
        self.started = time.process_time()

    def view(self, name):
        return bank.features_of(name, self.data, self.cache)

    def gram(self, view, basis='plain'):
        """float32 [n of the view, n of the basis]: scalar products of columns standardised as those of the basis."""
        path = self.cache / f'gram-{view}-{basis}.npy'
        if not path.exists():
            mean, scale = standardise(np.asarray(self.view(basis)))
            rows, columns = (((self.view(name) - mean) / scale).astype(np.float32) for name in (view, basis))
            np.save(path, rows @ columns.T)
        return np.load(path)

    def training_rows(self, fold):
        return np.flatnonzero(self.dataset.folds != fold)

    def training(self, rows, views=1):
        """(targets, weights) of these rows, repeated for each view."""
        targets = soft_targets(self.dataset.labels, self.dataset.teacher, rows)[rows]
        return np.tile(targets, (views, 1)), np.tile(row_weights(self.dataset.teacher, rows), views)

    def cross_validate(self, predict):
        """predict(fold, training rows, held-out rows) to [held out, ...]; all of them, NaN in folds left out."""
        results = None
        for fold in self.folds:
            held_out = np.flatnonzero(self.dataset.folds == fold)
            part = predict(fold, self.training_rows(fold), held_out)
            if results is None:
                results = np.full((len(self.dataset.images), *part.shape[1:]), np.nan)
            results[held_out] = part
        return results

    def heads(self, grams, strength=1.0, negatives=None, weight=0.0):
        """Out-of-fold logits of linear heads that are combinations of the unmirrored images' features.

        grams: of the views that are trained on, the first scored. strength: of the solver's regularisation. negatives:
        gram of further pictures whose targets are all 0, each of this weight.
        """
        def predict(_fold, rows, held_out):
            targets, weights = self.training(rows, len(grams))
            stack = [gram[np.ix_(rows, rows)] for gram in grams]
            if negatives is not None:
                stack.append(negatives[:, rows])
                targets = np.concatenate([targets, np.zeros((len(negatives), targets.shape[1]))])
                weights = np.concatenate([weights, np.full(len(negatives), weight)])
            return self.solver(
                Problem(stack[0], np.concatenate(stack), targets, weights), strength * len(grams),
                grams[0][np.ix_(held_out, rows)],
            )

        return self.cross_validate(predict)

    def report(self, idea, row, logits):
        all_mean, balanced = figures(self.dataset, logits)
        name = f'{idea}-{row}-{self.solver.__name__}'
        np.save(self.cache / f'logits-{name.replace(" ", "-")}.npy', logits)
        spent = time.process_time() - self.started
        print(f'{idea} | {row} | {self.solver.__name__} | {all_mean:.4f} | {balanced:.4f} | {spent:.0f} s', flush=True)
        self.started = time.process_time()


@dataclass(frozen=True)
class Problem:
    """basis: [b, b] kernel of the rows whose combinations are sought; train: [n, b]; targets [n, k]; weights [n]."""

    basis: np.ndarray
    train: np.ndarray
    targets: np.ndarray
    weights: np.ndarray


def ridge(problem, strength, test):
    """Weighted least squares with an unpenalised bias: a second's look. Returns scores [n of test, k]."""
    count = len(problem.basis)
    design = np.concatenate([problem.train, np.ones((len(problem.train), 1), np.float32)], axis=1)
    weighted = design * problem.weights[:, None].astype(np.float32)
    system = (weighted.T @ design).astype(np.float64)
    system[:count, :count] += RIDGE_L2 * strength * problem.basis
    system[np.diag_indices(count)] += 1e-7 * np.trace(system) / count
    solution = solve(system, weighted.T.astype(np.float64) @ problem.targets, assume_a='pos')
    return test @ solution[:count] + solution[count]


def coordinates(problem, *others):
    """Principal coordinates of the training rows and of other kernels against the same basis."""
    values, vectors = np.linalg.eigh(problem.basis.astype(np.float64))
    kept = values > SMALLEST_EIGENVALUE * values[-1]
    axes = (vectors[:, kept] / np.sqrt(values[kept])).astype(np.float32)
    return [(kernel @ axes).astype(np.float64) for kernel in (problem.train, *others)]


def logistic(problem, strength, test):
    """The shipped solver."""
    x, scored = coordinates(problem, test)
    weight, bias = fit_coordinates(x, problem.targets, L2 * strength, problem.weights)
    return scored @ weight.T + bias


def figures(dataset, logits):
    """Mean AUROC over the findings (all images, balanced) of the folds that have logits."""
    measured = ~np.isnan(logits[:, 0])
    means = []
    for inside in (measured, measured & (dataset.sets == 'balanced')):
        labels, scores = dataset.labels[inside], logits[inside]
        known = [i for i in range(len(FINDINGS)) if 0 < labels[:, i].sum() < len(labels)]
        means.append(float(np.mean([auroc(labels[:, i], scores[:, i]) for i in known])))
    return means


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


def image_problem(lab, rows, held_out):
    """(problem, kernel of the held-out rows) of the shipped views."""
    grams = [lab.gram(view) for view in IMAGE_VIEWS]
    stack = [gram[np.ix_(rows, rows)] for gram in grams]
    return Problem(stack[0], np.concatenate(stack), *lab.training(rows, 2)), grams[0][np.ix_(held_out, rows)]


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


def chosen(lab, by_setting):
    """For each fold and finding the setting with the best AUROC in the other folds."""
    logits = np.full(by_setting.shape[:2], np.nan)
    for fold in lab.folds:
        inside = lab.dataset.folds == fold
        others = ~inside & ~np.isnan(by_setting[:, 0, 0])
        for finding in range(by_setting.shape[1]):
            labels = lab.dataset.labels[others, finding]
            areas = [auroc(labels, by_setting[others, finding, s]) for s in range(by_setting.shape[2])]
            logits[inside, finding] = by_setting[inside, finding, int(np.argmax(areas))]
    return logits


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


IDEAS = {
    'baseline': baseline, 'augmentation': augmentation, 'adapted': adapted, 'resolution': resolution,
    'column-scales': column_scales, 'combined': combined, 'pooling': map_experiments.pooling, 'boxes': map_experiments.boxes,
    'negatives': negatives, 'averages': averages, 'distilled': distilled, 'mixed-findings': mixed_findings,
    'unmirrored': unmirrored, 'second-look': second_look, 'findings': adaptation.on_findings,
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
