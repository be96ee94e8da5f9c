"""Adds the output `ood` to a trained model: the log-odds that a picture is not a frontal chest radiograph.

    python3 -m preread_train.chest_gate --data DIR

A linear head on the 1024 pooled features of the backbone's last block, which the graph computes anyway.
Logits and maps stay the same bits. Chests are those of nih-cxr14-subset, by the folds of the
findings; other chests (rsna-normals-256, kermany-paediatric-224) are only measured. What is not a chest is
generated (not_chests.py), a part of a chest, or one of the few real pictures of dicom/, which are measured
with their whole source left out.
"""

import argparse
import csv
import hashlib
import json
import os
import subprocess
from pathlib import Path

import numpy as np
import onnx
import torch
from PIL import Image
from scipy.optimize import minimize

from . import not_chests
from .cxr_square import cxr_square
from .heads import standardise
from .ood_graph import OUTPUT, Trunk, with_output
from .wilson import wilson95

ROOT = Path(__file__).resolve().parents[3]
NAME = 'preread-cxr14'
SEED = 20250117
# Strength of the L2 penalty on standardised features.
L2 = 300.0
GENERATED_OF_A_KIND = 150
DETAILS = 600
TURNED = 600
VARIANTS_OF_A_SOURCE = 12
MEASURED_OTHERS = 600
# Share of the held-out chests of the training set that may lie above the threshold.
REFUSED_SHARE = 0.002
# Distinct acquisitions below dicom/: parts of file names. Several files show the same picture, so a
# source is left out as a whole.
SOURCES = {
    'hip': 'wg04_RG2', 'tibia': 'wg04_RG3', 'CT shoulders': 'CTImage', 'CT thorax': 'CT1_J2KR', 'CT head': 'CT2_J2KR',
    'CT head contrast': 'CT0012', 'CT head outline': '693_J2KI', 'CT vertebra': 'CT_small', 'CT skull base': 'J2K_pixelrep',
    'MR shoulder': 'MR_small', 'MR liver': 'liver_1frame', 'MR body': 'JPEG2000.dcm', 'MR abdomen': 'examples_overlay',
    'US muscle': 'US-YBR', 'US fan': 'image_dfl', 'US Doppler': 'IM00001', 'US lymph node': 'examples_jpeg2k',
    'US heart': 'examples_ybr', 'US palette': 'examples_palette', 'photograph': 'HTJ2K', 'test card': 'mlut_18',
    'test squares': 'vlut_04', 'grating': 'ExplVR_BigEnd', 'words': 'GDCMJ2K_Text', 'colour bars': 'SC_rgb',
    'wedge': 'JPEGLSNearLossless',
}


def grey(path):
    with Image.open(path) as image:
        return np.asarray(image.convert('L'), np.float64)


def recipe(picture, size):
    """cxr-square@1 of any picture; stretched first, so that generated ones of any range do."""
    low, high = float(np.min(picture)), float(np.max(picture))
    return cxr_square(np.asarray(picture, np.float64) * (255 / max(high - low, 1e-9)), size)


def export_dicom(data, cache):
    folder = cache / 'dicom-greyscale'
    if not folder.exists():
        command = ['npx', '--no-install', 'tsx', 'scripts/train/export-greyscale.ts', data / 'dicom', folder]
        subprocess.run(command, cwd=ROOT, check=True)
    return folder


def chest_pictures(data):
    """(paths, folds) of the training set."""
    with open(data / 'nih-cxr14-subset' / 'labels.csv', newline='') as handle:
        rows = list(csv.DictReader(handle))
    folder = data / 'nih-cxr14-subset' / 'images'
    return [folder / row['image'] for row in rows], np.array([int(row['fold']) for row in rows])


def some_of(folder):
    """A fixed sample of a folder's pictures, spread over it."""
    paths = sorted(folder.rglob('*.jp*g'))
    return [paths[i] for i in np.linspace(0, len(paths) - 1, min(MEASURED_OTHERS, len(paths))).astype(int)]


def collect(data, cache, trunk, size):
    """{group: (features, tags)}; tags are folds for chests, kinds or sources for the others. Cached."""
    code = ''.join((Path(__file__).parent / f'{m}.py').read_text() for m in ('not_chests', 'cxr_square'))
    settings = (GENERATED_OF_A_KIND, DETAILS, TURNED, VARIANTS_OF_A_SOURCE, MEASURED_OTHERS, SEED, SOURCES)
    key = hashlib.sha256(f'{trunk.sha256}{code}{settings}'.encode()).hexdigest()[:16]
    cached = cache / f'chest-gate-{key}.npz'
    if cached.exists():
        arrays = np.load(cached)
        return {g: (arrays[g], arrays[f'{g} tags']) for g in arrays.files if not g.endswith(' tags')}
    rng = np.random.default_rng(SEED)
    result = {}

    def add(group, tagged):
        tags, features, batch = [], [], []
        for tag, picture in tagged:
            tags.append(tag)
            batch.append(recipe(picture, size))
            if len(batch) == 64:
                features.append(trunk(np.stack(batch)))
                batch = []
        if batch:
            features.append(trunk(np.stack(batch)))
        result[group] = (np.concatenate(features), np.array(tags))
        print(group, len(tags), flush=True)

    paths, folds = chest_pictures(data)
    add('chests', ((fold, grey(path)) for path, fold in zip(paths, folds)))
    for name, folder in (('rsna', 'rsna-normals-256'), ('kermany', 'kermany-paediatric-224')):
        add(name, ((name, grey(path)) for path in some_of(data / folder / 'images')))
    picks = rng.permutation(len(paths))
    add('turned', ((folds[i], not_chests.turned(rng, grey(paths[i]))) for i in picks[:TURNED]))
    add('details', ((folds[i], not_chests.detail_of(rng, grey(paths[i]))) for i in picks[-DETAILS:]))
    add('generated', (
        (kind, make(rng, size)) for kind, make in not_chests.KINDS.items() for _ in range(GENERATED_OF_A_KIND)
    ))
    exported = sorted(export_dicom(data, cache).glob('*.png'))
    real = [(s, [p for p in exported if part in p.name][0]) for s, part in SOURCES.items()]
    add('real', ((source, grey(path)) for source, path in real))
    add('variants', (
        (source, not_chests.variant_of(rng, grey(path))) for source, path in real for _ in range(VARIANTS_OF_A_SOURCE)
    ))
    cache.mkdir(parents=True, exist_ok=True)
    np.savez(cached, **{g: f for g, (f, _) in result.items()}, **{f'{g} tags': t for g, (_, t) in result.items()})
    return result


def fit(groups, without_fold=None, without=()):
    """(weight [1024], bias) of the head, trained without a fold, and without kinds and sources."""
    features, targets = [], []
    for group, target in (('chests', 0), ('turned', 0), ('details', 1), ('generated', 1), ('real', 1), ('variants', 1)):
        rows, tags = groups[group]
        if group in ('chests', 'turned', 'details'):
            kept = tags != without_fold if without_fold is not None else np.ones(len(tags), bool)
        else:
            kept = ~np.isin(tags, without)
        features.append(rows[kept])
        targets.append(np.full(kept.sum(), float(target)))
    return logistic_regression(np.concatenate(features), np.concatenate(targets))


def logistic_regression(features, targets):
    """(weight, bias) on raw columns; L2-penalised on standardised ones. heads.py is for more columns than rows."""
    mean, scale = standardise(features)
    standard = (features - mean) / scale

    def loss(parameters):
        weight, bias = parameters[:-1], parameters[-1]
        logits = standard @ weight + bias
        error = 1 / (1 + np.exp(-logits)) - targets
        value = np.sum(np.logaddexp(0, logits) - targets * logits) + L2 / 2 * weight @ weight
        return value, np.append(standard.T @ error + L2 * weight, error.sum())

    start = np.zeros(features.shape[1] + 1)
    solution = minimize(loss, start, jac=True, method='L-BFGS-B', options={'maxiter': 200}).x
    weight = solution[:-1] / scale
    return weight, float(solution[-1] - weight @ mean)


def held_out(groups):
    """{group: scores} by heads that saw neither the patient nor the kind or source."""
    scores = {}
    for group in ('chests', 'turned', 'details'):
        scores[group] = np.zeros(len(groups[group][1]))
    for fold in np.unique(groups['chests'][1]):
        weight, bias = fit(groups, without_fold=fold)
        for group in ('chests', 'turned', 'details'):
            rows, tags = groups[group]
            scores[group][tags == fold] = rows[tags == fold] @ weight + bias
    for group in ('generated', 'real'):
        rows, tags = groups[group]
        scores[group] = np.zeros(len(tags))
        names = np.unique(tags)
        # Sources in five parts, generated kinds one by one.
        parts = np.array_split(names, 5) if group == 'real' else [[name] for name in names]
        for part in parts:
            weight, bias = fit(groups, without=part)
            inside = np.isin(tags, part)
            scores[group][inside] = rows[inside] @ weight + bias
    weight, bias = fit(groups)
    for group in ('rsna', 'kermany'):
        scores[group] = groups[group][0] @ weight + bias
    return scores


def described(hits, total):
    low, high = wilson95(hits, total)
    return f'{hits} of {total} ({100 * hits / total:.2f} %, 95 % CI {100 * low:.2f}-{100 * high:.2f})'


def report(groups, scores, threshold):
    """The section of the model card and of docs/gates.md."""
    above = {name: values > threshold for name, values in scores.items()}
    rows = [
        ('refused', 'NIH ChestX-ray14, patients of held-out folds', 'chests'),
        ('refused', 'RSNA normals, another source', 'rsna'),
        ('refused', 'Kermany, children, another source', 'kermany'),
        ('refused', 'NIH turned, mirrored, inverted or cropped, held-out patients', 'turned'),
        ('detected', 'details of NIH chests, held-out patients', 'details'),
        ('detected', 'generated pictures, their kind left out of training', 'generated'),
        ('detected', 'real pictures, their source left out of training', 'real'),
    ]
    lines = ['| what | images | above the threshold |', '|---|---|---|']
    for wanted, title, name in rows:
        lines.append(f'| {wanted} | {title} | {described(int(above[name].sum()), len(above[name]))} |')
    kinds = groups['generated'][1]
    by_kind = ', '.join(f'{kind} {100 * above["generated"][kinds == kind].mean():.0f} %' for kind in not_chests.KINDS)
    missed = ', '.join(sorted(groups['real'][1][~above['real']])) or 'none'
    lines += ['', f'Detected by kind: {by_kind}.', '', f'Real pictures not detected: {missed}.']
    return '\n'.join(lines)


def main():
    parser = argparse.ArgumentParser(prog='preread_train.chest_gate', description=__doc__)
    parser.add_argument('--data', type=Path, default=ROOT.parent / 'shared' / 'data')
    parser.add_argument('--out', type=Path, default=ROOT, help='root of the tree whose model is extended')
    parser.add_argument(
        '--cache', type=Path,
        default=Path(os.environ.get('XDG_CACHE_HOME', Path.home() / '.cache')) / 'preread-train',
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    folder = options.out / 'models' / NAME
    manifest = json.loads((folder / 'manifest.json').read_text(encoding='utf-8'))
    path = folder / manifest['file']['path']
    model = onnx.load(path)
    groups = collect(options.data, options.cache, Trunk(model), manifest['input']['width'])
    scores = held_out(groups)
    chests = np.sort(scores['chests'])[::-1]
    # Halfway between two chests, so that no chest of the set lies on it.
    rank = int(REFUSED_SHARE * len(chests))
    threshold = float((chests[rank - 1] + chests[rank]) / 2)
    refused = int((scores['chests'] > threshold).sum())
    section = report(groups, scores, threshold)
    print(section)

    before = manifest['file']['sha256']
    path.write_bytes(with_output(model, *fit(groups)).SerializeToString(deterministic=True))
    content = path.read_bytes()
    manifest['file'] |= {'sha256': hashlib.sha256(content).hexdigest(), 'sizeBytes': len(content)}
    manifest['outputs'][OUTPUT] = OUTPUT
    manifest['oodGate'] = {
        'threshold': round(threshold, 4),
        'falseRefusal': {
            'images': len(chests),
            'refused': refused,
            'share95': [round(v, 5) for v in wilson95(refused, len(chests))],
        },
    }
    (folder / 'manifest.json').write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + '\n', encoding='utf-8')
    card = (folder / 'MODEL_CARD.md').read_text(encoding='utf-8').replace(before, manifest['file']['sha256'])
    card = card.split('\n## Not a chest\n')[0].rstrip()
    (folder / 'MODEL_CARD.md').write_text(
        f'{card}\n\n## Not a chest\n\nThe output `{OUTPUT}`: log-odds that a picture is no frontal chest radiograph, a linear '
        'head on the pooled features.\nThe threshold was set on the first row; how it was measured stands in docs/gates.md.\n\n'
        f'{section}\n',
        encoding='utf-8',
    )


if __name__ == '__main__':
    main()
