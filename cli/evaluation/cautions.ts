import type { Evaluation } from '../../core/evaluation/evaluate-scores.js';
import type { LabelFormatName } from '../../core/evaluation/label-format.js';
import type { LabelledScoreFile } from './load-labelled-scores.js';

/** Words by which a manifest names the collections that label formats belong to. */
const COLLECTIONS: Readonly<Partial<Record<LabelFormatName, RegExp>>> = {
  nih: /chestx-ray(8|14)/i,
  chexpert: /chexpert/i,
  mimic: /mimic/i,
};

/** What a reader must know of this evaluation before its figures, in plain sentences. */
export function evaluationCautions(
  { model: { manifest, overlay, scoredWith }, labels, matching }: LabelledScoreFile,
  evaluation: Evaluation,
  { minCell }: { readonly minCell: number },
): string[] {
  const cautions: string[] = [];
  const collection = COLLECTIONS[labels.format.name];
  if (collection && manifest.trainingData.some((name) => collection.test(name))) {
    cautions.push(
      'The model was trained on images of this collection. If any of these patients were among them, every figure is too good.',
    );
  } else if (collection === undefined && manifest.trainingData.length > 0) {
    cautions.push(
      `The labels do not say which collection their images are of. The model was trained on: ${manifest.trainingData.join('; ')}. If any of these patients were among them, every figure is too good.`,
    );
  }
  if (overlay?.fittedOn.labelsSha256 === labels.sha256) {
    cautions.push(
      'The overlay was fitted on this very label file: figures at the operating point and of calibration are too good. Its cross-validated figures stand in the overlay.',
    );
  }
  if (!matching.patientsKnown) {
    cautions.push(
      'The labels name no patients: every image was counted as a patient of its own, and the intervals are too narrow if patients have several. Name the column with --patient-column.',
    );
  }
  if (scoredWith === undefined) {
    cautions.push(
      'The scores do not say the SHA-256 of the weights (the .run.json beside them is missing): the model was found by name and version.',
    );
  }
  const refused = Object.values(matching.notAnalysed).reduce((sum, count) => sum + count, 0);
  if (refused > 0) {
    cautions.push(
      `${refused} of ${refused + matching.matched} labelled images were not analysed and are not in the figures.`,
    );
  }
  const scarce = evaluation.findings.filter(
    ({ positives, negatives }) => Math.min(positives, negatives) < minCell,
  );
  if (scarce.length > 0) {
    cautions.push(
      `Fewer than ${minCell} positives or negatives: ${scarce.map(({ title }) => title).join(', ')}. Nothing can be concluded on these.`,
    );
  }
  const withheld = evaluation.findings.filter((finding) => finding.withheld !== undefined);
  if (withheld.length > 0) {
    cautions.push(
      `Withheld by the model, and never shown or flagged in the pipeline: ${withheld.map(({ title }) => title).join(', ')}.`,
    );
  }
  return cautions;
}
