"""python3 -m unittest discover -s scripts/train/preread_train -t scripts/train

The arithmetic against independent implementations: Pillow, numpy, scikit-learn, a double loop.
"""

import unittest

import numpy as np
import torch
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from . import cross_validation, cxr_square, metrics
from .augmentation import generator, moved
from .dataset import Dataset
from .features import pool_regions, region_masks
from .heads import fit_heads, fit_path, relevance
from .network import centre, evidence


def random(seed):
    return np.random.default_rng(seed)


class RecipeTest(unittest.TestCase):
    def test_the_triangle_filter_is_pillows_bilinear_of_float_images(self):
        for source, target in ((37, 16), (9, 24), (512, 224)):
            image = random(source).integers(0, 4096, (source, source)).astype(np.float32)
            pillow = np.asarray(Image.fromarray(image, 'F').resize((target, target), Image.BILINEAR))
            # Pillow keeps float32 between the passes.
            np.testing.assert_allclose(cxr_square.resample(image, target), pillow, rtol=0, atol=2e-3)

    def test_percentiles_are_numpys(self):
        values = np.sort(random(1).normal(size=997))
        for q in (0, 1, 37.5, 99, 100):
            self.assertAlmostEqual(cxr_square.percentile(values, q), np.percentile(values, q), places=12)

    def test_an_affine_window_does_not_change_the_tensor(self):
        image = random(2).integers(0, 4096, (70, 50)).astype(np.float64)
        np.testing.assert_allclose(
            cxr_square.cxr_square(image, 32), cxr_square.cxr_square(0.031 * image - 17, 32), atol=1e-6
        )

    def test_a_flat_image_is_all_zero(self):
        self.assertTrue((cxr_square.cxr_square(np.full((9, 12), 41.0), 8) == 0).all())


class MetricsTest(unittest.TestCase):
    def setUp(self):
        rng = random(3)
        self.labels = (rng.random(400) < 0.2).astype(float)
        # Rounded, so that there are ties.
        self.scores = np.round(rng.normal(size=400) + self.labels, 1)

    def test_auroc_is_scikit_learns(self):
        expected = roc_auc_score(self.labels, self.scores)
        self.assertAlmostEqual(metrics.auroc(self.labels, self.scores), expected, places=12)
        self.assertAlmostEqual(metrics.auroc_delong(self.labels, self.scores)[0], expected, places=12)

    def test_the_bootstrap_of_single_image_patients_agrees_with_delong(self):
        _, low, high = metrics.auroc_delong(self.labels, self.scores)
        bounds = metrics.bootstrap_auroc(self.labels, self.scores, np.arange(400), 4000, 5)
        np.testing.assert_allclose(bounds, (low, high), atol=0.015)

    def test_thresholds_keep_what_they_promise(self):
        probabilities = metrics.sigmoid(self.scores)
        threshold = metrics.sensitivity_threshold(self.labels, probabilities, 0.9)
        self.assertGreaterEqual(metrics.rates(self.labels, probabilities, threshold)[0], 0.9)
        above = np.nextafter(threshold, 1)
        self.assertLess(metrics.rates(self.labels, probabilities, above)[0], 0.9)
        specific = metrics.specificity_threshold(self.labels, probabilities, 0.95)
        self.assertGreaterEqual(metrics.rates(self.labels, probabilities, specific)[1], 0.95)
        below = np.nextafter(specific, 0)
        self.assertLess(metrics.rates(self.labels, probabilities, below)[1], 0.95)
        best = sum(metrics.rates(self.labels, probabilities, metrics.youden_threshold(self.labels, probabilities)))
        every = [sum(metrics.rates(self.labels, probabilities, t)) for t in np.unique(probabilities)]
        self.assertAlmostEqual(best, max(every), places=12)


class HeadsTest(unittest.TestCase):
    def test_the_dual_solution_is_scikit_learns(self):
        rng = random(4)
        features = rng.normal(size=(60, 150)).astype(np.float32)
        labels = (features[:, 0] + rng.normal(size=60) > 0).astype(float)
        weight, bias = fit_heads(features, labels[:, None], 5.0)
        mean, scale = features.mean(0, dtype=float), features.std(0, dtype=float)
        reference = LogisticRegression(C=1 / 5.0, tol=1e-10, max_iter=5000).fit((features - mean) / scale, labels)
        expected = (features - mean) / scale @ reference.coef_[0] + reference.intercept_
        np.testing.assert_allclose(features @ weight[0] + bias, expected, atol=0.02)

    def test_a_weight_counts_a_row_as_often(self):
        rng = random(5)
        features = rng.normal(size=(40, 90)).astype(np.float32)
        # The same mean and scale with and without the repeated rows.
        features = np.concatenate([features, features])
        targets = rng.random((80, 2))
        times = np.r_[np.full(40, 3), np.full(40, 1)]
        expected = fit_heads(np.repeat(features, times, axis=0), np.repeat(targets, times, axis=0), 6.0)
        weight, bias = fit_heads(features, targets, 6.0, times)
        np.testing.assert_allclose(features @ weight.T + bias, features @ expected[0].T + expected[1], atol=0.01)

    def test_columns_count_by_their_relevance(self):
        rng = random(7)
        features = rng.normal(size=(50, 90))
        features = ((features - features.mean(0)) / features.std(0)).astype(np.float32)
        targets, weights = rng.random((50, 2)), rng.uniform(0.5, 2, 50)
        factor = relevance(features, targets, weights)
        # numpy's weighted covariance of each column with each standardised target.
        expected = [
            np.mean([
                abs(np.cov(column, target / target.std(), bias=True, aweights=weights)[0, 1]) for target in targets.T
            ])
            for column in features.T
        ]
        np.testing.assert_allclose(factor, expected, rtol=1e-3)
        # A column that is twice as large in a basis of unit columns costs a quarter.
        scaled = features * (factor / np.sqrt((factor**2).mean()))
        reference = LogisticRegression(C=1 / 3.0, tol=1e-10, max_iter=5000).fit(
            np.repeat(scaled, 2, axis=0), np.tile([1, 0], 50),
            np.stack([weights * targets[:, 0], weights * (1 - targets[:, 0])], axis=1).ravel(),
        )
        _, (weight, bias) = fit_path(features, targets, (30.0, 3.0), weights, relevance_power=1.0)
        np.testing.assert_allclose(
            features @ weight[0] + bias[0], scaled @ reference.coef_[0] + reference.intercept_, atol=0.02
        )

    def test_the_mean_of_a_map_and_its_bias_are_the_head_on_the_pooled_features(self):
        rng = random(6)
        stacked = rng.normal(size=(2, 5, 7, 7))
        weight, bias = rng.normal(size=(3, 4 * 5)), rng.normal(size=3)
        average, centred_bias = centre(weight, bias, rng.normal(size=(5, 7, 7)))
        pooled = pool_regions(torch.from_numpy(stacked), torch.from_numpy(region_masks(7)).double()).numpy()
        for image in range(2):
            cam = evidence(stacked[image], weight) - average
            np.testing.assert_allclose(cam.mean((1, 2)) + centred_bias, weight @ pooled[image] + bias, atol=1e-12)


class PenaltyTest(unittest.TestCase):
    def test_each_finding_has_the_penalty_that_is_best_in_the_other_folds(self):
        rng = random(8)
        labels = (np.arange(200) % 2)[:, None].repeat(2, axis=1).astype(float)
        folds = np.repeat(np.arange(5), 40)
        # Column 0 tells the first finding, column 1 the second; in fold 0 both tell the opposite.
        signal = labels + 0.1 * rng.normal(size=labels.shape)
        signal[folds == 0] = 1 - signal[folds == 0]
        dataset = Dataset(None, (), np.arange(200), folds, None, labels, None, ())
        right = np.eye(2)
        # The first penalty has the first finding right, the second the second.
        paths = [[(right * [[1], [-1]], np.zeros(2)), (right * [[-1], [1]], np.ones(2))]] * 5
        heads, chosen = cross_validation.choose(signal, dataset, paths)
        self.assertEqual(list(chosen), [0, 1])
        for weight, bias in heads:
            np.testing.assert_array_equal(weight, right)
            np.testing.assert_array_equal(bias, [0, 1])


class AugmentationTest(unittest.TestCase):
    class Still:
        """Random numbers that move nothing."""

        def uniform(self, low, high, size=None):
            return (low + high) / 2 if size is None else np.full(size, (low + high) / 2)

    def setUp(self):
        self.picture = random(9).integers(0, 256, (96, 96)).astype(np.uint8)

    def test_an_image_that_is_moved_by_nothing_is_the_recipe_s(self):
        still = moved(Image.fromarray(self.picture), self.Still(), 32)
        np.testing.assert_allclose(still, cxr_square.cxr_square(self.picture.astype(float), 32), atol=1e-6)
        mirrored = moved(Image.fromarray(self.picture), self.Still(), 32, mirrored=True)
        np.testing.assert_array_equal(mirrored, still[:, ::-1])

    def test_the_same_image_moves_the_same_way_in_every_run(self):
        first, again, other = (moved(Image.fromarray(self.picture), generator(1, row), 32) for row in (5, 5, 6))
        np.testing.assert_array_equal(first, again)
        self.assertGreater(np.abs(first - other).max(), 0.1)


if __name__ == '__main__':
    unittest.main()
