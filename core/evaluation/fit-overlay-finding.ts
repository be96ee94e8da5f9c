import { calibratedProbability, logitOf, type Calibration } from '../inference/calibration.js';
import type { OverlayFinding } from '../inference/model-overlay.js';
import { brierScore, calibrationError, reliabilityBins } from './calibration-figures.js';
import { fitIsotonic } from './fit-isotonic.js';
import { fitPlatt } from './fit-logistic.js';
import { fitThreshold, type Criterion } from './fit-operating-point.js';
import { countPositives, selectCases, type LabelledScores } from './labelled-scores.js';
import {
  addConfusions,
  confusionAt,
  operatingPointFigures,
  type Share,
} from './operating-point.js';
import { seededRandom } from './seeded-random.js';

export const CALIBRATION_METHODS = ['platt', 'isotonic', 'none'] as const;
export type CalibrationMethod = (typeof CALIBRATION_METHODS)[number];

export interface FitOptions {
  readonly criterion: Criterion;
  readonly method: CalibrationMethod;
  /** Patients with and without the finding that a fit needs. */
  readonly minPatients: number;
  readonly folds: number;
  /** Fold of each patient, from `patientFolds`. */
  readonly foldOfPatient: Uint8Array;
}

/** Each patient's part in a cross-validation, in parts of equal size. */
export function patientFolds(patientCount: number, folds: number, seed: number): Uint8Array {
  const random = seededRandom(seed);
  const order = Array.from({ length: patientCount }, (_, patient) => patient);
  for (let last = order.length - 1; last > 0; last -= 1) {
    const other = Math.floor(random() * (last + 1));
    [order[last], order[other]] = [order[other]!, order[last]!];
  }
  const parts = new Uint8Array(patientCount);
  for (const [rank, patient] of order.entries()) {
    parts[patient] = rank % folds;
  }
  return parts;
}

/**
 * A site's threshold and calibration of one finding, fitted on all of its labelled images, with figures
 * from a cross-validation by patient: each image is judged by a threshold and a calibration that never
 * saw its patient. With too few patients the model's own are kept, and the reason is said.
 */
export function fitOverlayFinding(
  cases: LabelledScores,
  ofModel: { readonly threshold: number; readonly calibration: Calibration | undefined },
  options: FitOptions,
): OverlayFinding {
  const reason = tooFew(cases, options);
  if (reason !== undefined) {
    return { threshold: ofModel.threshold, basis: 'model', reason };
  }
  const calibration = fitCalibration(cases, options.method);
  return {
    threshold: fitThreshold(cases, options.criterion),
    ...(calibration && { calibration }),
    basis: 'site',
    crossValidated: crossValidate(cases, ofModel.calibration, options),
  };
}

function tooFew(cases: LabelledScores, { minPatients }: FitOptions): string | undefined {
  const withFinding = new Set<number>();
  const without = new Set<number>();
  for (const [index, patient] of cases.patients.entries()) {
    (cases.positive[index] === 1 ? withFinding : without).add(patient);
  }
  return Math.min(withFinding.size, without.size) < minPatients
    ? `${withFinding.size} patients with and ${without.size} without the finding: ${minPatients} of each are needed`
    : undefined;
}

function fitCalibration(cases: LabelledScores, method: CalibrationMethod): Calibration | undefined {
  const logits = cases.scores.map(logitOf);
  switch (method) {
    case 'platt': {
      const line = fitPlatt(logits, cases.positive);
      return line && { method: 'platt', ...line };
    }
    case 'isotonic':
      return fitIsotonic(logits, cases.positive);
    case 'none':
      return undefined;
  }
}

function crossValidate(
  cases: LabelledScores,
  ofModel: Calibration | undefined,
  { criterion, method, folds, foldOfPatient }: FitOptions,
): NonNullable<OverlayFinding['crossValidated']> {
  let confusion = { truePositives: 0, falsePositives: 0, trueNegatives: 0, falseNegatives: 0 };
  const after = new Float64Array(cases.scores.length);
  for (let fold = 0; fold < folds; fold += 1) {
    const inFold = (index: number) => foldOfPatient[cases.patients[index]!] === fold;
    const positions = [...cases.scores.keys()];
    const held = positions.filter(inFold);
    const training = selectCases(
      cases,
      positions.filter((index) => !inFold(index)),
    );
    const heldCases = selectCases(cases, held);
    confusion = addConfusions(confusion, confusionAt(heldCases, fitThreshold(training, criterion)));
    const calibration = fitCalibration(training, method);
    for (const index of held) {
      const score = cases.scores[index]!;
      after[index] = calibration ? calibratedProbability(calibration, logitOf(score)) : score;
    }
  }
  const { positive } = cases;
  const before = ofModel
    ? cases.scores.map((score) => calibratedProbability(ofModel, logitOf(score)))
    : cases.scores;
  const ece = (scores: Float64Array) => calibrationError(reliabilityBins({ scores, positive }, 10));
  const { sensitivity, specificity } = operatingPointFigures(confusion);
  const positives = countPositives(cases);
  return {
    positives,
    negatives: positive.length - positives,
    sensitivity: withInterval(sensitivity),
    specificity: withInterval(specificity),
    brierBefore: brierScore({ scores: before, positive }),
    ece10Before: ece(before),
    ...(method !== 'none' && {
      brierAfter: brierScore({ scores: after, positive }),
      ece10After: ece(after),
    }),
  };
}

function withInterval({ value = 0, interval = [0, 1] }: Share) {
  return { value, interval: [interval[0], interval[1]] as [number, number] };
}
