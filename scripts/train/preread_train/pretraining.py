"""Experiments that train the late layers on something else before heads are fitted on their features.

warm_up: children's radiographs, normal, bacterial or viral pneumonia. contrast: no label at all; two strongly moved copies
of a picture are to be more alike than copies of different ones (SimCLR, Chen et al. 2020, arXiv:2002.05709). Neither
sees a picture of a held-out fold.
"""

import csv
import functools

import numpy as np
import torch
import torch.nn.functional as F

from . import bank
from .adaptation import (
    LATE_WIDTH, SEED, late_features, late_inputs, late_part, new_late_layers, shuffled, train,
)
from .features import REGIONS
from .heads import standardise
from .laboratory import IMAGE_VIEWS, problem_of

# Of the children's column `agent`: normal, bacterial, viral.
AGENTS = ('', 'bacteria', 'virus')
# Children of this fold measure what the warm-up learned.
MEASURED_FOLD = 0
WARM_UP_EPOCHS = 4
CONTRAST_EPOCHS = 3
TEMPERATURE = 0.2
# Share of the channels of the cached activations that a copy loses.
DROPPED_CHANNELS = 0.2
# Of the 14 rows and columns of those activations a copy keeps this many.
WINDOW = 10
COPIES = {'nih': ('moved1', 'moved2'), 'children': ('children-strong1', 'children-strong2')}
STRENGTHS = (0.5, 1.0, 2.0)


class WithHead(torch.nn.Module):
    """Late layers, and a head on them that is thrown away."""

    def __init__(self, lab, head):
        super().__init__()
        self.late, self.head = new_late_layers(lab), head


def late_grams(late):
    """Grams with the first of features [n, regions, LATE_WIDTH] of views, standardised as the first."""
    flat = [view.reshape(len(view), -1) for view in late]
    mean, scale = standardise(flat[0])
    standard = [((view - mean) / scale).astype(np.float32) for view in flat]
    return [view @ standard[0].T for view in standard]


def measure(lab, idea, network_of):
    """Heads on the features of the late layers network_of(fold), instead of the frozen ones and beside them."""
    frozen = [lab.gram(name) for name in IMAGE_VIEWS]
    frozen_late = late_grams([late_part(lab.view(name)) for name in IMAGE_VIEWS])
    inputs = [late_inputs(lab, name) for name in IMAGE_VIEWS]

    @functools.cache
    def grams_of(network):
        return late_grams([late_features(network, view) for view in inputs])

    def predict(fold, rows, held_out):
        trained = grams_of(network_of(fold))
        results = []
        for grams in (
            [f - old + new for f, old, new in zip(frozen, frozen_late, trained)],
            [f + new for f, new in zip(frozen, trained)],
        ):
            problem, test = problem_of(lab, grams, rows, held_out)
            results += [lab.solver(problem, len(grams) * strength, test) for strength in STRENGTHS]
        return np.stack(results, axis=-1)

    every = lab.cross_validate(predict)
    for index, (row, strength) in enumerate((r, s) for r in ('instead', 'beside') for s in STRENGTHS):
        lab.report(idea, f'{row} at {strength}', every[..., index])


def children(data):
    """(index in AGENTS, fold) of each picture, in the order of the bank."""
    with open(data / bank.FOLDERS['children'] / 'labels.csv', newline='') as handle:
        table = {row['image']: row for row in csv.DictReader(handle)}
    rows = [table[path.name] for path in bank.pictures_of(data, 'children')]
    return np.array([AGENTS.index(row['agent']) for row in rows]), np.array([int(row['fold']) for row in rows])


def warmed_up(lab):
    """Late layers after the children's radiographs."""
    inputs = [late_inputs(lab, f'children-{name}') for name in IMAGE_VIEWS]
    kinds, folds = children(lab.data)
    rows, measured = np.flatnonzero(folds != MEASURED_FOLD), np.flatnonzero(folds == MEASURED_FOLD)
    torch.manual_seed(SEED)
    model = WithHead(lab, torch.nn.Linear(len(REGIONS) * LATE_WIDTH, len(AGENTS)))

    def loss_of(some, rng):
        view = rng.integers(len(IMAGE_VIEWS), size=len(some))
        inner = np.stack([inputs[v][rows[s]] for v, s in zip(view, some)]).astype(np.float32)
        return F.cross_entropy(model.head(model.late(torch.from_numpy(inner)).flatten(1)), torch.from_numpy(kinds[rows[some]]))

    model.load_state_dict(train('warm-up', lab, model, shuffled(len(rows)), loss_of, WARM_UP_EPOCHS))
    with torch.no_grad():
        scores = model.head(torch.from_numpy(late_features(model.late, inputs[0][measured])).flatten(1)).numpy()
    right = scores.argmax(axis=1) == kinds[measured]
    print(f'warm-up: {right.mean():.3f} of {len(right)} other children right', flush=True)
    return model.late


def warm_up(lab):
    network = warmed_up(lab)
    measure(lab, 'warm-up', lambda _fold: network)


def contrastive_loss(one, other):
    """NT-Xent of [n, d] and [n, d]: rows i of both are copies of one picture, all others of the batch are not."""
    unit = F.normalize(torch.cat([one, other]), dim=1)
    alike = (unit @ unit.T / TEMPERATURE).masked_fill(torch.eye(len(unit), dtype=torch.bool), -torch.inf)
    return F.cross_entropy(alike, torch.arange(len(unit)).roll(len(one)))


def batches_by_source(rows_of):
    """batches_of for `train`: (source, rows) of one source each, so that telling sources apart earns nothing."""
    def batches_of(rng):
        batches = [(source, rows[some]) for source, rows in rows_of.items() for some in shuffled(len(rows))(rng)]
        return [batches[i] for i in rng.permutation(len(batches))]

    return batches_of


def windows(activations, rng):
    """A random window of [n, c, 14, 14], the same for the batch."""
    y, x = rng.integers(activations.shape[2] - WINDOW + 1, size=2)
    return activations[:, :, y : y + WINDOW, x : x + WINDOW]


def contrasted(lab, fold):
    """Late layers after contrast between the training rows of a fold, and between all children."""
    inputs = {source: [late_inputs(lab, name) for name in names] for source, names in COPIES.items()}
    rows_of = {'nih': lab.training_rows(fold), 'children': np.arange(len(inputs['children'][0]))}
    torch.manual_seed(SEED)
    # Without the batch norm what all radiographs have in common outweighs the rest, and the loss hardly falls.
    head = torch.nn.Sequential(
        torch.nn.BatchNorm1d(LATE_WIDTH, affine=False), torch.nn.Linear(LATE_WIDTH, 256), torch.nn.ReLU(),
        torch.nn.Linear(256, 128),
    )
    model = WithHead(lab, head)

    def loss_of(batch, rng):
        source, some = batch
        copies = [torch.from_numpy(windows(view[some], rng).astype(np.float32)) for view in inputs[source]]
        return contrastive_loss(*(
            model.head(model.late.maps(F.dropout2d(copy, DROPPED_CHANNELS)).mean((2, 3))) for copy in copies
        ))

    name = f'contrast-fold{fold}'
    model.load_state_dict(train(name, lab, model, batches_by_source(rows_of), loss_of, CONTRAST_EPOCHS))
    return model.late


def contrast(lab):
    measure(lab, 'contrast', functools.partial(contrasted, lab))


IDEAS = {'warm-up': warm_up, 'contrast': contrast}
