"""ROC and reliability diagrams as SVG: one panel a finding, plain text that a diff can show."""

import numpy as np

from .findings import DETAILS
from .metrics import sigmoid

COLUMNS = 5
PANEL = 150
GAP = 34
TOP = 44
POINTS = 80
BINS = 10
INK, GRID, FIRST, SECOND = '#333333', '#c8c8c8', '#0b5fa5', '#c05a00'


def polyline(points, colour, dots=False):
    """points in 0..1, y upwards, in the coordinates of a panel."""
    at = [(PANEL * x, PANEL * (1 - y)) for x, y in points]
    path = ' '.join(f'{x:.1f},{y:.1f}' for x, y in at)
    marks = ''.join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.2" fill="{colour}"/>' for x, y in at) if dots else ''
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.4"/>{marks}'


def panel(index, key, note, curves):
    x = GAP + (index % COLUMNS) * (PANEL + GAP)
    y = TOP + 20 + (index // COLUMNS) * (PANEL + GAP + 12)
    return (
        f'<g transform="translate({x} {y})"><rect width="{PANEL}" height="{PANEL}" fill="none" stroke="{GRID}"/>'
        f'<line x1="0" y1="{PANEL}" x2="{PANEL}" y2="0" stroke="{GRID}" stroke-dasharray="3 3"/>'
        f'<text x="0" y="-6">{DETAILS[key]["display"]["en"]}</text>{"".join(curves)}'
        f'<text x="{PANEL - 5}" y="{PANEL - 6}" text-anchor="end">{note}</text>'
        f'<text x="-4" y="{PANEL + 12}" class="tick">0</text><text x="{PANEL - 6}" y="{PANEL + 12}" class="tick">1</text></g>'
    )


def figure(title, caption, panels):
    rows = -(-len(panels) // COLUMNS)
    width = GAP + COLUMNS * (PANEL + GAP)
    height = TOP + 20 + rows * (PANEL + GAP + 12)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
        f'font-size="11" fill="{INK}"><style>.tick{{font-size:9px}}</style>'
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>'
        f'<text x="{GAP}" y="18" font-size="14">{title}</text><text x="{GAP}" y="34">{caption}</text>\n'
        + '\n'.join(panels)
        + '\n</svg>\n'
    )


def roc_points(labels, scores):
    """(false-positive rate, sensitivity), thinned to POINTS."""
    order = np.argsort(-scores, kind='stable')
    positive = labels[order] > 0.5
    hits, alarms = np.cumsum(positive) / positive.sum(), np.cumsum(~positive) / (~positive).sum()
    chosen = np.unique(np.linspace(0, len(order) - 1, POINTS).astype(int))
    return [(0.0, 0.0), *zip(alarms[chosen], hits[chosen])]


def roc_figure(dataset, logits, evaluation):
    balanced = dataset.sets == 'balanced'
    panels = []
    for index, (key, figures) in enumerate(evaluation['findings'].items()):
        labels, scores = dataset.labels[:, index], logits[:, index]
        note = f"{figures['auroc']:.2f} / {figures['balanced_auroc']:.2f}"
        panels.append(panel(index, key, note, [
            polyline(roc_points(labels[balanced], scores[balanced]), SECOND),
            polyline(roc_points(labels, scores), FIRST),
        ]))
    caption = 'Sensitivity (up) against 1 - specificity. Blue: all images; orange: balanced. AUROC: all / balanced.'
    return figure('ROC, out of fold', caption, panels)


def reliability_points(labels, probabilities):
    """(mean probability, observed share) of equally full bins."""
    return [
        (probabilities[part].mean(), labels[part].mean())
        for part in np.array_split(np.argsort(probabilities, kind='stable'), BINS)
    ]


def calibration_figure(dataset, logits, calibrated, evaluation):
    """calibrated: cross-fitted probabilities [n, k]."""
    panels = []
    for index, (key, figures) in enumerate(evaluation['findings'].items()):
        labels = dataset.labels[:, index]
        note = f"{figures['ece_before']:.3f} / {figures['ece_after']:.3f}"
        panels.append(panel(index, key, note, [
            polyline(reliability_points(labels, sigmoid(logits[:, index])), SECOND, dots=True),
            polyline(reliability_points(labels, calibrated[:, index]), FIRST, dots=True),
        ]))
    caption = (
        'Observed share (up) against mean probability, ten equally full bins. Orange: sigmoid(logit); '
        'blue: after Platt scaling, cross-fitted. ECE: before / after.'
    )
    return figure('Calibration, out of fold', caption, panels)
