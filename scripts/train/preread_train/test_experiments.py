"""python3 -m unittest preread_train.test_experiments (in scripts/train; skipped without onnxruntime)"""

import importlib.util
import unittest
from pathlib import Path

import numpy as np
import torch
from sklearn.linear_model import Ridge

from .backbone import Backbone, load_layers
from .features import TAPS, pool_regions, region_masks, stack_taps
from .heads import fit_heads

DATA = Path(__file__).resolve().parents[4] / 'shared' / 'data'
WEIGHTS = DATA / 'backbone' / 'mobilenet_v1_1.0_224.npz'
if importlib.util.find_spec('onnxruntime'):
    from . import adaptation, bank, laboratory, pretraining
else:
    bank = None


@unittest.skipIf(bank is None, 'onnxruntime is not installed')
class SolverTest(unittest.TestCase):
    def setUp(self):
        rng = np.random.default_rng(1)
        features = rng.normal(size=(50, 120))
        self.features = ((features - features.mean(0)) / features.std(0)).astype(np.float32)
        self.targets, self.weights = rng.random((50, 2)), rng.uniform(0.5, 2, 50)
        self.test = rng.normal(size=(9, 120)).astype(np.float32)
        gram = self.features @ self.features.T
        self.problem = laboratory.Problem(gram, gram, self.targets, self.weights)
        self.kernel = self.test @ self.features.T

    def test_ridge_on_kernels_is_scikit_learns_on_features(self):
        scores = laboratory.ridge(self.problem, 0.001, self.kernel)
        model = Ridge(alpha=laboratory.RIDGE_L2 * 0.001).fit(self.features, self.targets, self.weights)
        np.testing.assert_allclose(scores, model.predict(self.test), atol=1e-4)

    def test_logistic_heads_on_kernels_are_those_on_features(self):
        scores = laboratory.logistic(self.problem, 0.01, self.kernel)
        weight, bias = fit_heads(self.features, self.targets, laboratory.L2 * 0.01, self.weights)
        np.testing.assert_allclose(scores, self.test @ weight.T + bias, atol=1e-3)


@unittest.skipIf(bank is None or not WEIGHTS.exists(), 'onnxruntime or ../shared/data/backbone is not there')
class NetworkTest(unittest.TestCase):
    def setUp(self):
        self.pictures = np.random.default_rng(2).normal(size=(3, 1, 224, 224)).astype(np.float32)

    def test_onnxruntime_pools_what_pytorch_pools(self):
        layers = load_layers(WEIGHTS)
        stacked, late = bank.session(layers).run(None, {'image': self.pictures})
        with torch.no_grad():
            maps = Backbone(layers, (*TAPS, bank.LATE_FROM))(torch.from_numpy(self.pictures))
            expected = stack_taps(maps)
            pooled = pool_regions(expected, torch.from_numpy(region_masks(7)))
            features = adaptation.LateLayers(WEIGHTS)(torch.from_numpy(late))
        np.testing.assert_allclose(stacked, expected, atol=1e-3)
        np.testing.assert_allclose(bank.pool(stacked), pooled, atol=1e-4)
        # The layers that are trained further start as those of the backbone.
        whole = adaptation.with_late(pooled.numpy(), features.numpy())
        np.testing.assert_allclose(whole, pooled, atol=1e-4)

    def test_adapted_layers_give_every_channel_the_mean_and_deviation_of_batch_norm(self):
        arrays = np.load(WEIGHTS)
        x = torch.from_numpy(self.pictures)
        for layer in bank.adapted_layers(WEIGHTS, self.pictures)[:6]:
            before, after = layer.pads
            padded = torch.nn.functional.pad(x, (before, after, before, after))
            weight, bias = torch.from_numpy(layer.weight), torch.from_numpy(layer.bias)
            x = torch.nn.functional.conv2d(padded, weight, bias, layer.stride, groups=layer.groups)
            np.testing.assert_allclose(x.mean((0, 2, 3)), arrays[f'{layer.name}_bn.beta'], atol=1e-2)
            deviation, gamma = x.std((0, 2, 3)).numpy(), np.abs(arrays[f'{layer.name}_bn.gamma'])
            self.assertTrue((deviation <= gamma * 1.01 + 1e-3).all())
            self.assertGreater(np.median(deviation / (gamma + 1e-9)), 0.9)
            x = torch.relu(x)


@unittest.skipIf(bank is None, 'onnxruntime is not installed')
class ContrastTest(unittest.TestCase):
    def test_the_loss_is_that_of_a_loop_over_pairs(self):
        one, other = np.random.default_rng(3).normal(size=(2, 5, 7))
        rows = np.concatenate([one, other])
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        expected = 0.0
        for i in range(10):
            alike = np.exp(rows @ rows[i] / pretraining.TEMPERATURE)
            expected -= np.log(alike[(i + 5) % 10] / (alike.sum() - alike[i])) / 10
        loss = pretraining.contrastive_loss(torch.from_numpy(one), torch.from_numpy(other))
        self.assertAlmostEqual(float(loss), expected, places=6)

    def test_a_batch_holds_rows_of_one_source_and_an_epoch_no_row_twice(self):
        rows_of = {'one': np.arange(1000, 1150), 'other': np.arange(5000, 5200, 2)}
        batches = pretraining.batches_by_source(rows_of)(np.random.default_rng(4))
        self.assertEqual(len(batches), 150 // adaptation.BATCH + 100 // adaptation.BATCH)
        seen = [(source, row) for source, rows in batches for row in rows]
        self.assertEqual(len(set(seen)), len(batches) * adaptation.BATCH)
        for source, row in seen:
            self.assertIn(row, rows_of[source])

    def test_grams_of_parts_of_the_columns_add_up(self):
        late = np.random.default_rng(5).normal(size=(2, 6, 4, 3)).astype(np.float32)
        parts = [pretraining.late_grams(list(late[:, :, part])) for part in (slice(0, 1), slice(1, 4))]
        for whole, first, rest in zip(pretraining.late_grams(list(late)), *parts):
            np.testing.assert_allclose(whole, first + rest, atol=1e-4)


@unittest.skipIf(bank is None or not DATA.exists(), 'onnxruntime or ../shared/data is not there')
class ChildrenTest(unittest.TestCase):
    def test_kinds_stand_in_the_order_of_the_pictures(self):
        kinds, folds = pretraining.children(DATA)
        paths = bank.pictures_of(DATA, 'children')
        self.assertEqual((len(kinds), len(folds)), (len(paths), len(paths)))
        # The names of pneumonia pictures tell the agent as well.
        for path, kind in zip(paths, kinds):
            named = next((agent for agent in ('bacteria', 'virus') if agent in path.name), '')
            self.assertEqual(pretraining.AGENTS[kind], named)


if __name__ == '__main__':
    unittest.main()
