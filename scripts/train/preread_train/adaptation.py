"""An experiment that trains the layers after bank.LATE_FROM further, under the heads of the frozen ones.

Everything before those layers is frozen, so its output is computed once for each view (bank.WITH_LATE). The training
stops after a fixed number of processor seconds at the end of an epoch, and keeps a checkpoint of each epoch.
"""

import time

import numpy as np
import torch
import torch.nn.functional as F

from . import bank
from .backbone import load_layers
from .features import REGIONS, pool_regions, region_masks
from .heads import fit_heads
from .laboratory import IMAGE_VIEWS

FIRST_LATE_BLOCK = 10
LATE_WIDTH = 512 + 1024
BATCH = 64
SEED = 13
EPOCHS = 4
RATE = 1e-4
# Of parameters whose name begins with `head`, which start from random numbers.
HEAD_RATE = 1e-3


class LateLayers(torch.nn.Module):
    """[N, 512, 14, 14] to the pooled features of conv_pw_11 and 12, [N, regions, LATE_WIDTH]."""

    def __init__(self, weights_path):
        super().__init__()
        self.layers = load_layers(weights_path)[2 * FIRST_LATE_BLOCK - 1 :]
        for layer in self.layers:
            self.register_parameter(f'{layer.name}_weight', torch.nn.Parameter(torch.from_numpy(layer.weight)))
            self.register_parameter(f'{layer.name}_bias', torch.nn.Parameter(torch.from_numpy(layer.bias)))
        self.register_buffer('masks', torch.from_numpy(region_masks(7)))

    def maps(self, x):
        """[N, 512, 2 h, 2 w] to the maps of conv_pw_11 and 12, [N, LATE_WIDTH, h, w]."""
        taps = {}
        for layer in self.layers:
            before, after = layer.pads
            x = F.conv2d(
                F.pad(x, (before, after, before, after)), getattr(self, f'{layer.name}_weight'),
                getattr(self, f'{layer.name}_bias'), layer.stride, groups=layer.groups,
            )
            x = F.relu(x)
            taps[layer.name] = x
        return torch.cat([F.avg_pool2d(taps['conv_pw_11'], 2), taps['conv_pw_12']], dim=1)

    def forward(self, x):
        return pool_regions(self.maps(x), self.masks).reshape(len(x), len(REGIONS), LATE_WIDTH)


def late_inputs(lab, name):
    lab.view(name)
    return np.load(bank.kept_path(lab.cache, name, 'late'), mmap_mode='r')


def new_late_layers(lab):
    return LateLayers(lab.data / 'backbone' / 'mobilenet_v1_1.0_224.npz')


def late_part(pooled):
    """[n, regions, LATE_WIDTH] of pooled features [n, regions * C]."""
    return np.asarray(pooled).reshape(len(pooled), len(REGIONS), -1)[:, :, -LATE_WIDTH:]


def with_late(pooled, late):
    """Pooled features [n, regions * C] with other features of the late layers [n, regions, LATE_WIDTH]."""
    changed = np.array(pooled).reshape(len(pooled), len(REGIONS), -1)
    changed[:, :, -LATE_WIDTH:] = late
    return changed.reshape(len(pooled), -1)


def late_features(network, inputs):
    with torch.no_grad():
        parts = [
            network(torch.from_numpy(inputs[s : s + BATCH].astype(np.float32))).numpy()
            for s in range(0, len(inputs), BATCH)
        ]
    return np.concatenate(parts)


def shuffled(count):
    """batches_of for `train`: rows 0..count-1 in a random order; the few that fill no batch are left out."""
    def batches_of(rng):
        order = rng.permutation(count)
        return [np.sort(order[start : start + BATCH]) for start in range(0, count - BATCH + 1, BATCH)]

    return batches_of


def train(name, lab, network, batches_of, loss_of, epochs=EPOCHS, log=print):
    """Adam with a cosine over the epochs or the budget, whichever ends first; the mean of the last half's weights at the end.

    batches_of(rng): the batches of an epoch. loss_of(batch, rng): the mean loss of one of them.
    """
    path = lab.cache / f'adaptation-{name}.pt'
    named = list(network.named_parameters())
    groups = [
        {'params': [p for n, p in named if n.startswith('head') == head], 'rate': rate}
        for head, rate in ((False, RATE), (True, HEAD_RATE))
    ]
    optimiser = torch.optim.Adam([group for group in groups if group['params']], lr=RATE)
    rng = np.random.default_rng(SEED)
    spent, first, sums, averaged = 0.0, 0, None, 0
    if path.exists():
        state = torch.load(path)
        network.load_state_dict(state['network'])
        optimiser.load_state_dict(state['optimiser'])
        first, spent, sums, averaged = (state[key] for key in ('epoch', 'spent', 'sums', 'averaged'))
        rng = np.random.default_rng((SEED, first))
    for epoch in range(first, epochs):
        if spent > lab.processor_seconds:
            break
        started, losses = time.process_time(), []
        batches = batches_of(rng)
        for index, batch in enumerate(batches):
            done = (epoch + index / len(batches)) / epochs
            for group in optimiser.param_groups:
                group['lr'] = group['rate'] * 0.5 * (1 + np.cos(np.pi * done))
            optimiser.zero_grad()
            loss = loss_of(batch, rng)
            loss.backward()
            optimiser.step()
            losses.append(float(loss))
        spent += time.process_time() - started
        if epoch >= epochs // 2:
            now = {key: value.clone() for key, value in network.state_dict().items()}
            sums = now if sums is None else {key: sums[key] + value for key, value in now.items()}
            averaged += 1
        torch.save({
            'network': network.state_dict(), 'optimiser': optimiser.state_dict(), 'epoch': epoch + 1, 'spent': spent,
            'sums': sums, 'averaged': averaged,
        }, path)
        log(f'{name}: epoch {epoch + 1}, loss {np.mean(losses):.4f}, {spent:.0f} s', flush=True)
    return {key: value / averaged for key, value in sums.items()} if averaged else network.state_dict()


def on_findings(lab):
    """The late layers under fixed heads, targets and weights as shipped, a random view of each image."""
    old = [np.asarray(lab.view(name)) for name in IMAGE_VIEWS]
    inputs = [late_inputs(lab, name) for name in IMAGE_VIEWS]
    trained, both = (np.full(lab.dataset.labels.shape, np.nan) for _ in range(2))
    for fold in lab.folds:
        rows, held_out = lab.training_rows(fold), np.flatnonzero(lab.dataset.folds == fold)
        targets, weights = lab.training(rows, 2)
        head, bias = fit_heads(np.concatenate([v[rows] for v in old]), targets, 2 * lab.l2, weights, span=len(rows))
        by_region = head.reshape(len(head), len(REGIONS), -1)
        late_head = torch.from_numpy(by_region[:, :, -LATE_WIDTH:].astype(np.float32))
        fixed = [
            with_late(v, 0.0) @ head.T + bias for v in old
        ]
        y, w = (torch.from_numpy(v[: len(rows)].astype(np.float32)) for v in (targets, weights))
        network = new_late_layers(lab)

        def logits_of(inner, offset, network=network, late_head=late_head):
            return torch.einsum('nrc,krc->nk', network(inner), late_head) + offset

        def loss_of(some, rng, rows=rows, fixed=fixed, y=y, w=w, logits_of=logits_of):
            view = rng.integers(len(IMAGE_VIEWS), size=len(some))
            inner = np.stack([inputs[v][rows[s]] for v, s in zip(view, some)]).astype(np.float32)
            offset = np.stack([fixed[v][rows[s]] for v, s in zip(view, some)]).astype(np.float32)
            logits = logits_of(torch.from_numpy(inner), torch.from_numpy(offset))
            each = F.binary_cross_entropy_with_logits(logits, y[some], reduction='none').mean(1)
            return (each * w[some]).mean()

        name = f'findings-fold{fold}'
        network.load_state_dict(train(name, lab, network, shuffled(len(rows)), loss_of))
        late = late_features(network, inputs[0][held_out])
        trained[held_out] = with_late(old[0][held_out], late) @ head.T + bias
        both[held_out] = (trained[held_out] + old[0][held_out] @ head.T + bias) / 2
    lab.report('findings', 'alone', trained)
    lab.report('findings', 'mean with the frozen ones', both)
