"""Trains the shipped model and writes models/<name>/ and fixtures/golden/. See ../README.md."""

import argparse
import json
import os
from pathlib import Path

import numpy as np
import torch

from . import cxr_square
from .backbone import Backbone, load_layers
from .cross_validation import fit_on, fold_heads, out_of_fold_logits
from .dataset import FINDINGS, load_dataset
from .evaluation import BOOTSTRAP_DRAWS, evaluate
from .features import TAP, extract
from .golden import build_golden
from .manifest import build_manifest
from .model_card import render_card
from .network import OPSET, build_onnx
from .pointing import boxed_rows, pointing_game
from .self_test import build_self_test

ROOT = Path(__file__).resolve().parents[3]
NAME = 'preread-cxr14'
VERSION = '1.0.0'
SIZE = 224
L2 = 1000.0
SEED = 20240229


def write_json(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + '\n', encoding='utf-8')


def reference(layers, weight, bias):
    """The same network in double precision: float32 images to (logits, cams)."""
    network = Backbone(layers, (TAP,)).double()
    head = torch.from_numpy(weight.astype(np.float32)).double()
    offset = torch.from_numpy(bias.astype(np.float32)).double()

    def predict(images):
        with torch.no_grad():
            maps = network(torch.from_numpy(images).double())[TAP]
            cams = torch.einsum('kc,nchw->nkhw', head, maps)
            return (cams.mean((2, 3)) + offset).numpy(), cams.numpy()

    return predict


def card_facts(dataset, model, onnx_bytes, manifest, speed):
    return {
        'name': NAME,
        'version': VERSION,
        'architecture': (
            'MobileNet v1 1.0 up to conv_pw_12 with the ImageNet weights frozen and batch norm folded, global '
            'average pooling, one linear head for each finding (L2-regularised logistic regression).'
        ),
        'cam_relation': (
            'A map is the linear head applied to each cell of the last feature map, so logit = mean over the cells '
            '+ bias holds exactly, up to rounding.'
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
        'soft_label_line': '',
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
    pooled, maps = extract(dataset, weights_path, layers, SIZE, options.cache)

    heads = fold_heads(pooled, dataset.labels, dataset.folds, L2)
    logits = out_of_fold_logits(pooled, dataset.folds, heads)
    evaluation = evaluate(dataset, logits, SEED)
    print(f"mean AUROC {evaluation['mean_auroc']:.4f}, balanced {evaluation['mean_balanced']:.4f}")
    position = {row: index for index, row in enumerate(boxed_rows(dataset))}
    pointing = pointing_game(
        dataset, lambda row: np.einsum('kc,chw->khw', heads[dataset.folds[row]][0], maps[position[row]])
    )

    weight, bias = fit_on(pooled, dataset.labels, np.arange(len(dataset.images)), L2)
    model = build_onnx(layers, weight, bias, SIZE, VERSION)
    onnx_bytes = model.SerializeToString(deterministic=True)
    folder = options.out / 'models' / NAME
    path = f'{VERSION}/model.onnx'
    (folder / VERSION).mkdir(parents=True, exist_ok=True)
    (folder / path).write_bytes(onnx_bytes)
    manifest = build_manifest(NAME, VERSION, SIZE, path, onnx_bytes, evaluation)
    write_json(folder / 'manifest.json', manifest)
    write_json(folder / 'self-test.json', build_self_test(reference(layers, weight, bias), SIZE))
    write_json(options.out / 'fixtures' / 'golden' / 'cxr-square-1.json', build_golden())
    speed = 'see `scripts/train/README.md`.'
    facts = card_facts(dataset, model, onnx_bytes, manifest, speed)
    (folder / 'MODEL_CARD.md').write_text(render_card(facts, evaluation, pointing), encoding='utf-8')
    print(f'wrote {folder} ({len(onnx_bytes) / 1e6:.2f} MB, {len(FINDINGS)} findings)')


if __name__ == '__main__':
    main()
