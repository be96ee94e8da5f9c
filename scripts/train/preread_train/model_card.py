"""MODEL_CARD.md from the figures of the run that made the model."""

from .evaluation import (
    DEFAULT_POINT, HIGH_SENSITIVITY, HIGH_SPECIFICITY, POINTS, WITHHOLD_BELOW, WITHHOLD_BELOW_BALANCED, withheld_reason,
)
from .findings import DETAILS

CARD = """# {name} {version}

<!-- Written by scripts/train from the run that made the model; edit the template, not this file. -->

A small classifier that gives every frontal chest X-ray a score for 14 findings and a coarse map of where
each score comes from. It ships with preread so that the pipeline works without a download.

**It is not a medical device.** It is for research and evaluation of triage. On its own it is a weak reader:
mean AUROC {mean_auroc:.3f} over the 14 findings on patients it was not trained on, {mean_balanced:.3f} on the
subset with balanced labels. {withheld_count} of 14 findings are withheld for that reason: computed, never shown,
never used for a priority.

## What it must not be used for

- Diagnosis, or any decision without a radiologist reading the image.
- Ruling disease out: a low score is no statement that the image is normal.
- Lateral views, children, body parts other than the chest, CT scout views, photographs of films.
- Pointing at lesions: the maps have {cells} x {cells} cells and explain the score, they do not outline disease.
- Comparing scores between findings, or reading a score as the probability of disease in another population.

## The network

- {architecture}
- Input `image`: float32 [N, 1, {size}, {size}], values -1..1, recipe `{recipe}`. The grey image stands for all
  three colour channels: the kernel of the first convolution is summed over them.
- Outputs: `logits` [N, 14] and `cams` [N, 14, {cells}, {cells}]. {cam_relation}
- ONNX opset {opset}, float32, {megabytes:.2f} MB, operators {operators}. Batch size is free.
- An int8 form of the same weights stands beside it (`variants` in manifest.json) and is taken by default where the
  processor is fast at it. Every figure below is of the float32 form; what the other one changes: docs/gates.md and
  `scripts/train/README.md`.
- SHA-256 of the file: `{sha256}`
- Speed: {speed}

## Preprocessing `{recipe}`

From the greyscale presentation image (after Modality LUT, VOI LUT and MONOCHROME1 inversion): the largest centred
square, resampled to {size} x {size} by an antialiased triangle filter, the 1st to 99th percentile of the resampled
values mapped to -1..1 and clipped. Any window that does not clip gives the same tensor.
Golden vectors: `fixtures/golden/cxr-square-1.json`.

## Training data

- NIH ChestX-ray14, a subset of {images:,} frontal images of {patients:,} patients, 512 x 512 8-bit JPEG. Provided by the
  **NIH Clinical Center**, download site https://nihcc.app.box.com/v/ChestXray-NIHCC ; use is unrestricted with this
  acknowledgement. Xiaosong Wang, Yifan Peng, Le Lu, Zhiyong Lu, Mohammadhadi Bagheri, Ronald M. Summers,
  "ChestX-ray8: Hospital-scale Chest X-ray Database and Benchmarks on Weakly-Supervised Classification and
  Localization of Common Thorax Diseases", IEEE CVPR 2017.
- Labels: mined from report text, or a hand-drawn box of the finding where there is one (positive = label OR box).
{soft_label_line}- Backbone: MobileNet v1 1.0 224 with ImageNet weights (Howard et al. 2017, arXiv:1704.04861), Google, Apache-2.0.

The weights are under Apache-2.0, like the backbone's. The terms of the NIH data ask for the acknowledgement above.

## How it was measured

Five-fold cross-validation by patient. Every figure below is out of fold: the image was scored by heads that never
saw its patient. How strongly the heads of a finding are regularised is chosen by AUROC: for the heads of a fold by the
images of the other folds, for the shipped heads by all. The shipped heads are trained on all five folds, so no figure was
measured on exactly these weights; they are what to expect of them. The other settings were chosen by the same
cross-validation among the variants listed in `scripts/train/README.md`, which flatters the means slightly.
Intervals are 95 % percentile intervals of {draws:,} bootstrap draws of whole patients.

Mean AUROC **{mean_auroc:.3f}** over all folds (single folds {fold_low:.3f} to {fold_high:.3f}), **{mean_balanced:.3f}** within the
`balanced` set ({balanced_images} images). The difference matters: the other sets were put together by label, and part
of what the first figure rewards is the mixture of patients. Expect the second in a mixed population.

| finding | positives | AUROC (95 % CI) | within balanced (95 % CI) | positives there | shown |
|---|---|---|---|---|---|
{auroc_rows}

![ROC curves, out of fold](roc.svg)

Findings shown whose interval within `balanced` reaches down to chance, to be read with particular doubt: {unproven}.

### Subgroups

Mean AUROC over the findings that have at least ten positive and ten negative images in the group. The data tells
neither sex nor age, projection or device. The teacher network may have been trained on the images without its score:
were that to leak, those would look better than the others, other things equal (which they are not: all of `balanced`
has a score). Do not compare groups that were put together by label.

| group | images | findings measured | mean AUROC |
|---|---|---|---|
{subgroup_rows}

## Operating points

Thresholds on sigmoid(logit), fixed on the out-of-fold scores by rules that were chosen beforehand: `youden` maximises
sensitivity + specificity; `high-sensitivity` is the highest threshold with at least {high_sensitivity:.0%} sensitivity;
`high-specificity` is the lowest with at least {high_specificity:.0%} specificity. The default is `{default_point}`: on a
worklist most studies must stay where they were, or none stands out. It misses most positives of most findings, which
is the price. The rates are those of the data on which the threshold was chosen and so slightly optimistic. Findings are
withheld below AUROC {withhold_below:.2f} over all folds or {withhold_below_balanced:.2f} within `balanced`.

Share of these images with at least one shown finding flagged:

| operating point | images with a positive label | images without any |
|---|---|---|
{flagged_rows}

Thresholds, with sensitivity / specificity:

| finding | youden | sens. / spec. | high-sensitivity | sens. / spec. | high-specificity | sens. / spec. |
|---|---|---|---|---|---|---|
{threshold_rows}

## Failure modes

How the default operating point fails: positives that it misses, and negatives that it flags, apart by whether the image
has another positive label. Other disease is what mostly sets it off, so a flag says "something is wrong here" more
reliably than it says what.

| finding | missed | flagged though negative: another label | no label at all |
|---|---|---|---|
{failure_rows}

Other failures that were seen or must be expected stand under Limitations.

## Calibration

Platt scaling sigmoid(slope * logit + intercept), fitted on out-of-fold logits. ECE with ten equal bins; "after" is
cross-fitted (each fold calibrated by the other four). The probabilities hold for the prevalence of this subset, which
is enriched: a site must recalibrate on its own labelled scores before it reads them as probabilities.

| finding | prevalence here | slope | intercept | ECE before | ECE after |
|---|---|---|---|---|---|
{calibration_rows}

![Calibration, out of fold](calibration.svg)

## Maps

Pointing game on the hand-drawn boxes, out of fold: is the highest cell of the finding's map inside a box? "chance" is
the mean share of the image that the boxes cover, "fixed point" the best that one fixed point for all images reaches
(disease has its usual places). A map that does not beat the fixed point does not localise: use these to see what
drove a score, never to find a lesion.

| finding | images with boxes | hit rate | chance | fixed point |
|---|---|---|---|---|
{pointing_rows}

## Priorities

The manifest gives each finding the priority that a study gets when it is flagged: Pneumothorax, Effusion,
Edema, Consolidation, Pneumonia and Mass `urgent`; the rest `routine`. Nothing is `stat`: at the specificity of this model's
operating points that would bury the studies that a physician ordered as STAT. No measured optimum either; a site should
set its own. Withheld findings never set a priority.

## Limitations

- Label noise: about one label in ten is wrong, more for pneumonia and infiltration. The measured AUROC includes that.
- One hospital, a research referral centre; another hospital's devices, patients and habits were never seen.
- 512 px 8-bit JPEG sources, display processing unknown. Small nodules and fine lines are at or beyond the resolution.
- PA or AP is not recorded in the subset, so no subgroup figures by projection; sex, age and device are not recorded
  either. A portable image may raise scores because sicker patients get portable images.
- Treated disease counts: a pneumothorax label often comes with a drain, which the network may have learned instead.
- Mostly adults. The pipeline's gates, not this network, must keep other images away.
- {rarest} has only {rarest_positives} positive images: its interval says little.
"""


def table(rows):
    return '\n'.join('| ' + ' | '.join(row) + ' |' for row in rows)


def interval(area, bounds):
    return f'{area:.3f} ({bounds[0]:.3f}-{bounds[1]:.3f})'


def unproven(findings):
    names = [
        name_of(key) for key, f in findings.items() if withheld_reason(f) is None and f['balanced95'][0] <= 0.5
    ]
    return ', '.join(names) or 'none'


def name_of(key):
    return DETAILS[key]['display']['en']


def auroc_rows(findings):
    return table(
        (
            name_of(key), str(f['positives']), interval(f['auroc'], f['auroc95']),
            interval(f['balanced_auroc'], f['balanced95']), str(f['balanced_positives']),
            'withheld' if withheld_reason(f) else 'yes',
        )
        for key, f in findings.items()
    )


def threshold_rows(findings):
    rows = []
    for key, f in findings.items():
        row = [name_of(key)]
        for point in POINTS:
            sensitivity, specificity = f['rates'][point]
            row += [f"{f['thresholds'][point]:.4f}", f'{sensitivity:.2f} / {specificity:.2f}']
        rows.append(row)
    return table(rows)


def subgroup_rows(subgroups):
    return table(
        (title, str(images), str(measured), f'{area:.3f}') for title, (images, measured, area) in subgroups.items()
    )


def flagged_rows(flagged):
    return table((point, f'{diseased:.0%}', f'{others:.0%}') for point, (diseased, others) in flagged.items())


def failure_rows(findings, alarms):
    return table(
        (name_of(key), f"{1 - f['rates'][DEFAULT_POINT][0]:.0%}", *(f'{share:.1%}' for share in alarms[key]))
        for key, f in findings.items()
    )


def calibration_rows(findings):
    return table(
        (
            name_of(key), f"{f['positives'] / (f['positives'] + f['negatives']):.3f}",
            f"{f['platt'][0]:.2f}", f"{f['platt'][1]:.2f}", f"{f['ece_before']:.3f}", f"{f['ece_after']:.3f}",
        )
        for key, f in findings.items()
    )


def pointing_rows(pointing):
    return table(
        (
            name_of(key), str(p['images']), f"{p['hit_rate']:.2f}", f"{p['chance']:.2f}",
            f"{p['fixed_point']:.2f}",
        )
        for key, p in pointing.items()
    )


def render_card(facts, evaluation, pointing):
    """facts: the plain fields of the template (name, version, sizes, counts, sentences)."""
    findings = evaluation['findings']
    rarest = min(findings, key=lambda key: findings[key]['positives'])
    return CARD.format(
        **facts,
        mean_auroc=evaluation['mean_auroc'],
        mean_balanced=evaluation['mean_balanced'],
        fold_low=min(evaluation['fold_means']),
        fold_high=max(evaluation['fold_means']),
        withheld_count=sum(withheld_reason(f) is not None for f in findings.values()),
        high_sensitivity=HIGH_SENSITIVITY,
        withhold_below=WITHHOLD_BELOW,
        withhold_below_balanced=WITHHOLD_BELOW_BALANCED,
        unproven=unproven(findings),
        high_specificity=HIGH_SPECIFICITY,
        default_point=DEFAULT_POINT,
        failure_rows=failure_rows(findings, evaluation['false_alarms']),
        flagged_rows=flagged_rows(evaluation['flagged']),
        subgroup_rows=subgroup_rows(evaluation['subgroups']),
        auroc_rows=auroc_rows(findings),
        threshold_rows=threshold_rows(findings),
        calibration_rows=calibration_rows(findings),
        pointing_rows=pointing_rows(pointing),
        rarest=name_of(rarest),
        rarest_positives=findings[rarest]['positives'],
    )
