"""Where ideas for better heads are measured: the data, the folds, the solvers on kernels, the figures."""

import time
from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve

from . import bank
from .dataset import FINDINGS, load_dataset
from .heads import SMALLEST_EIGENVALUE, fit_coordinates, standardise
from .metrics import auroc
from .targets import row_weights, soft_targets

IMAGE_VIEWS = ('plain', 'mirrored')
# The penalty of version 1.2.0, the same for all findings.
L2 = 2000.0
RIDGE_L2 = 35000.0


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


def problem_of(lab, grams, rows, held_out):
    """(problem, kernel of the held-out rows) of the grams [n, n] of views, the first of them scored."""
    stack = [gram[np.ix_(rows, rows)] for gram in grams]
    return Problem(stack[0], np.concatenate(stack), *lab.training(rows, len(grams))), grams[0][np.ix_(held_out, rows)]


def image_problem(lab, rows, held_out):
    """(problem, kernel of the held-out rows) of the shipped views."""
    return problem_of(lab, [lab.gram(view) for view in IMAGE_VIEWS], rows, held_out)


def figures(dataset, logits):
    """Mean AUROC over the findings (all images, balanced) of the folds that have logits."""
    measured = ~np.isnan(logits[:, 0])
    means = []
    for inside in (measured, measured & (dataset.sets == 'balanced')):
        labels, scores = dataset.labels[inside], logits[inside]
        known = [i for i in range(len(FINDINGS)) if 0 < labels[:, i].sum() < len(labels)]
        means.append(float(np.mean([auroc(labels[:, i], scores[:, i]) for i in known])))
    return means


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
