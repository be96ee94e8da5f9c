"""models/<name>/manifest.json, in the shape of core/inference/model-manifest.ts."""

import hashlib

from . import cxr_square
from .dataset import FINDINGS
from .evaluation import DEFAULT_POINT, withheld_reason
from .findings import DETAILS

INTENDED_USE = (
    'Research and evaluation of chest X-ray triage on frontal radiographs of adults, read by a radiologist '
    'in every case. Not a medical device; not for diagnosis, for ruling out disease, or for stand-alone decisions.'
)

LIMITATIONS = [
    'Trained and measured on 2,287 images of one hospital; external validity is unknown.',
    'Labels were mined from report text: roughly one in ten is wrong, more for pneumonia and infiltration.',
    'Sources are 512 px 8-bit JPEG images: fine detail, and what acquisition does to it, was never seen.',
    'Projection (PA or AP) was unknown in training; lateral views, children and other body parts are out of scope.',
    'Probabilities hold for the prevalence of the training subset, which is far above that of a clinic.',
]


def finding_entry(key, figures):
    details = DETAILS[key]
    entry = {'key': key, 'display': details['display'], 'codes': details['codes']}
    if 'site' in details:
        entry['site'] = details['site']
    entry['thresholds'] = {name: round(float(t), 6) for name, t in figures['thresholds'].items()}
    slope, intercept = figures['platt']
    entry['calibration'] = {
        'method': 'platt', 'slope': round(float(slope), 5), 'intercept': round(float(intercept), 5),
    }
    entry['priority'] = details['priority']
    entry['evaluation'] = {
        'auroc': round(float(figures['auroc']), 4),
        'auroc95': [round(float(v), 4) for v in figures['auroc95']],
        'positives': figures['positives'],
        'negatives': figures['negatives'],
    }
    reason = withheld_reason(figures)
    if reason is not None:
        entry['withheld'] = reason
    return entry


def build_manifest(name, version, size, path, onnx_bytes, evaluation):
    """path: of the ONNX file, relative to the manifest's folder."""
    return {
        'schemaVersion': 1,
        'name': name,
        'version': version,
        'title': 'preread CXR-14: 14 findings on a frontal chest X-ray',
        'licence': 'Apache-2.0',
        'source': (
            'Trained by scripts/train of preread. Backbone: MobileNet v1 1.0 224, ImageNet weights by Google '
            '(Howard et al. 2017, arXiv:1704.04861), Apache-2.0.'
        ),
        'trainingData': [
            'NIH ChestX-ray14, a subset of 2,287 images of 1,750 patients, provided by the NIH Clinical Center, '
            'https://nihcc.app.box.com/v/ChestXray-NIHCC (Wang et al., CVPR 2017)',
            'ImageNet ILSVRC 2012, through the weights of the backbone',
        ],
        'intendedUse': INTENDED_USE,
        'limitations': LIMITATIONS,
        'file': {
            'path': path,
            'sha256': hashlib.sha256(onnx_bytes).hexdigest(),
            'sizeBytes': len(onnx_bytes),
        },
        'input': {
            'name': 'image',
            'layout': 'NCHW',
            'channels': 1,
            'height': size,
            'width': size,
            'range': [-1, 1],
            'recipe': cxr_square.NAME,
        },
        'outputs': {'logits': 'logits', 'cams': 'cams'},
        'operatingPoint': DEFAULT_POINT,
        'findings': [finding_entry(key, evaluation['findings'][key]) for key in FINDINGS],
    }
