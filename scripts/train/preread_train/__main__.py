"""Trains the shipped model and writes models/<name>/ and fixtures/golden/. See ../README.md."""

import argparse
import json
import os
import subprocess
from pathlib import Path

import numpy as np
import torch

from . import cxr_square, plots
from .augmentation import extract_moved
from .backbone import load_layers
from .cross_validation import PENALTIES, choose, fit_on, fold_heads, out_of_fold_logits, pick
from .dataset import FINDINGS, load_dataset
from .evaluation import BOOTSTRAP_DRAWS, cross_fitted_platt, evaluate
from .features import TAPS, extract
from .golden import build_golden
from .manifest import build_manifest
from .model_card import render_card
from .network import OPSET, build_onnx, centre, evidence, reference
from .pointing import boxed_rows, pointing_game
from .self_test import build_self_test
from .targets import TAUGHT_WEIGHT, TEACHER_SHARE

ROOT = Path(__file__).resolve().parents[3]
NAME = 'preread-cxr14'
VERSION = '1.3.0'
SIZE = 224
SEED = 20240229


def write_json(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + '\n', encoding='utf-8')


def average_map(dataset, features, without=None):
    """The average stacked feature map of all images, or of those outside one fold."""
    sizes = np.bincount(dataset.folds)
    kept = [fold for fold in range(len(sizes)) if fold != without]
    return np.average(features['fold_means'][kept], axis=0, weights=sizes[kept])


def out_of_fold_maps(dataset, features, heads):
    """A function from the row of a boxed image to its maps, by heads that never saw its patient."""
    position = {row: index for index, row in enumerate(boxed_rows(dataset))}
    average = [
        evidence(average_map(dataset, features, fold), weight) for fold, (weight, _) in enumerate(heads)
    ]

    def cam_of(row):
        fold = dataset.folds[row]
        return evidence(features['maps'][position[row]], heads[fold][0]) - average[fold]

    return cam_of


def processor():
    """The name that Linux gives the processor."""
    lines = Path('/proc/cpuinfo').read_text(encoding='utf-8').splitlines()
    return next(line.split(':')[1].strip() for line in lines if line.startswith('model name'))


def measured_speed(folder):
    """Loads the model as the pipeline does (which must succeed) and tells how fast it is."""
    command = ['npx', '--no-install', 'tsx', str(ROOT / 'scripts' / 'train' / 'check-model.ts'), str(folder)]
    report = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    print(report.strip())
    figures = json.loads(report)
    return (
        f"{figures['bestProcessorMs']:.1f} ms of one core an image (best of 15 blocks of 20 runs; median "
        f"{figures['medianProcessorMs']:.1f} ms), onnxruntime-node, one thread, batch 1, on one core of an {processor()} "
        'that other work shares.'
    )


def write_plots(folder, dataset, logits, evaluation):
    calibrated = np.stack([
        cross_fitted_platt(dataset.labels[:, i], logits[:, i], dataset.folds) for i in range(len(FINDINGS))
    ], axis=1)
    (folder / 'roc.svg').write_text(plots.roc_figure(dataset, logits, evaluation), encoding='utf-8')
    (folder / 'calibration.svg').write_text(
        plots.calibration_figure(dataset, logits, calibrated, evaluation), encoding='utf-8'
    )


def card_facts(dataset, model, onnx_bytes, manifest, speed):
    teacher = int((~np.isnan(dataset.teacher[:, 0])).sum())
    return {
        'name': NAME,
        'version': VERSION,
        'architecture': (
            'MobileNet v1 1.0 up to conv_pw_12, ReLU for ReLU6, with the ImageNet weights frozen and batch norm '
            f'folded. The outputs of {", ".join(TAPS)} are averaged over the whole image and over its upper, '
            'middle and lower rows (overlapping thirds); one linear head for each finding (logistic regression, L2-regularised: '
            'less for features that go with any finding, and as strongly as the finding bears), trained on every image, its '
            'mirror image, and a copy that is turned, stretched, shifted and brightened a little.'
        ),
        'cam_relation': (
            'A map is the linear head applied to each cell of the feature maps (averaged down to this grid), with '
            'the weights of the regions that the cell belongs to, minus the same for the average training image: '
            '0 is "as in the average chest". logit = mean over the cells + bias holds exactly, up to rounding.'
        ),
        'size': SIZE,
        'cells': SIZE // 32,
        'recipe': cxr_square.NAME,
        'opset': OPSET,
        'megabytes': len(onnx_bytes) / 1e6,
        'operators': ', '.join(sorted({node.op_type for node in model.graph.node})),
        'sha256': manifest['file']['sha256'],
        'speed': speed,
        'images': len(dataset.images),
        'patients': len(set(dataset.patients)),
        'balanced_images': int((dataset.sets == 'balanced').sum()),
        'soft_label_line': (
            f'- For {teacher:,} images the training target is {1 - TEACHER_SHARE:.0%} label and {TEACHER_SHARE:.0%} calibrated '
            'score of a DenseNet-121 that\n  was trained on other NIH images, and each counts as '
            f'{TAUGHT_WEIGHT:.0f} of the others: its target is less noisy. All figures below\n  are against the labels, '
            'never against that score.\n'
        ),
        'draws': BOOTSTRAP_DRAWS,
    }


def main():
    parser = argparse.ArgumentParser(prog='preread_train', description=__doc__)
    parser.add_argument('--data', type=Path, default=ROOT.parent / 'shared' / 'data')
    parser.add_argument('--out', type=Path, default=ROOT, help='root of the tree to write into')
    parser.add_argument(
        '--cache', type=Path,
        default=Path(os.environ.get('XDG_CACHE_HOME', Path.home() / '.cache')) / 'preread-train',
    )
    options = parser.parse_args()
    torch.manual_seed(SEED)

    dataset = load_dataset(options.data / 'nih-cxr14-subset')
    weights_path = options.data / 'backbone' / 'mobilenet_v1_1.0_224.npz'
    layers = load_layers(weights_path)
    features = extract(dataset, weights_path, layers, SIZE, options.cache)
    views = [*features['pooled'], *extract_moved(dataset, weights_path, layers, SIZE, options.cache)]

    heads, chosen = choose(views[0], dataset, fold_heads(views, dataset))
    logits = out_of_fold_logits(views[0], dataset.folds, heads)
    evaluation = evaluate(dataset, logits, SEED)
    print(f"mean AUROC {evaluation['mean_auroc']:.4f}, balanced {evaluation['mean_balanced']:.4f}")
    pointing = pointing_game(dataset, out_of_fold_maps(dataset, features, heads))

    print('penalties:', ', '.join(f'{key} {PENALTIES[index]:.0f}' for key, index in zip(FINDINGS, chosen)), flush=True)
    weight, bias = pick(fit_on(views, dataset, np.arange(len(dataset.images))), chosen)
    average, bias = centre(weight, bias, average_map(dataset, features))
    model = build_onnx(layers, weight, average, bias, SIZE, VERSION)
    onnx_bytes = model.SerializeToString(deterministic=True)
    folder = options.out / 'models' / NAME
    path = f'{VERSION}/model.onnx'
    (folder / VERSION).mkdir(parents=True, exist_ok=True)
    (folder / path).write_bytes(onnx_bytes)
    manifest = build_manifest(NAME, VERSION, SIZE, path, onnx_bytes, evaluation)
    write_json(folder / 'manifest.json', manifest)
    write_json(folder / 'self-test.json', build_self_test(reference(layers, weight, average, bias), SIZE))
    write_json(options.out / 'fixtures' / 'golden' / 'cxr-square-1.json', build_golden())
    write_plots(folder, dataset, logits, evaluation)
    speed = measured_speed(folder)
    facts = card_facts(dataset, model, onnx_bytes, manifest, speed)
    (folder / 'MODEL_CARD.md').write_text(render_card(facts, evaluation, pointing), encoding='utf-8')
    print(f'wrote {folder} ({len(onnx_bytes) / 1e6:.2f} MB, {len(FINDINGS)} findings)')


if __name__ == '__main__':
    main()
