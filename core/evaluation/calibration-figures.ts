import { fitLogistic } from './fit-logistic.js';
import type { LabelledScores } from './labelled-scores.js';
import { logitOf } from '../inference/calibration.js';

export interface ReliabilityBin {
  readonly low: number;
  readonly high: number;
  readonly cases: number;
  readonly positives: number;
  /** Mean predicted probability; undefined in an empty bin. */
  readonly meanPredicted: number | undefined;
  /** Share of positives; undefined in an empty bin. */
  readonly observed: number | undefined;
}

export interface CalibrationFigures {
  /** Mean squared difference of probability and label. Source: Brier 1950. */
  readonly brier: number;
  /** Expected calibration error: sum of n_b / N |observed_b - predicted_b| over bins of equal width. */
  readonly ece10: number;
  readonly ece15: number;
  /** Of logit(label) on logit(probability): 1 and 0 in perfect calibration; undefined if not estimable. */
  readonly slope: number | undefined;
  readonly intercept: number | undefined;
  /** Ten bins of equal width. */
  readonly bins: readonly ReliabilityBin[];
}

export function calibrationFigures(
  cases: Pick<LabelledScores, 'scores' | 'positive'>,
): CalibrationFigures {
  const bins = reliabilityBins(cases, 10);
  const logits = cases.scores.map(logitOf);
  const line = fitLogistic(logits, Float64Array.from(cases.positive));
  return {
    brier: brierScore(cases),
    ece10: calibrationError(bins),
    ece15: calibrationError(reliabilityBins(cases, 15)),
    slope: line?.slope,
    intercept: line?.intercept,
    bins,
  };
}

export function brierScore({
  scores,
  positive,
}: Pick<LabelledScores, 'scores' | 'positive'>): number {
  let sum = 0;
  for (let index = 0; index < scores.length; index += 1) {
    sum += (scores[index]! - positive[index]!) ** 2;
  }
  return sum / scores.length;
}

/** Bins of equal width; a probability on a border belongs to the upper bin, 1 to the last. */
export function reliabilityBins(
  { scores, positive }: Pick<LabelledScores, 'scores' | 'positive'>,
  count: number,
): ReliabilityBin[] {
  const cases = new Float64Array(count);
  const positives = new Float64Array(count);
  const sums = new Float64Array(count);
  for (let index = 0; index < scores.length; index += 1) {
    const bin = Math.min(count - 1, Math.floor(scores[index]! * count));
    cases[bin]! += 1;
    positives[bin]! += positive[index]!;
    sums[bin]! += scores[index]!;
  }
  return Array.from({ length: count }, (_, bin) => ({
    low: bin / count,
    high: (bin + 1) / count,
    cases: cases[bin]!,
    positives: positives[bin]!,
    meanPredicted: cases[bin] === 0 ? undefined : sums[bin]! / cases[bin]!,
    observed: cases[bin] === 0 ? undefined : positives[bin]! / cases[bin]!,
  }));
}

export function calibrationError(bins: readonly ReliabilityBin[]): number {
  const total = bins.reduce((sum, { cases }) => sum + cases, 0);
  return bins.reduce(
    (sum, { cases, observed = 0, meanPredicted = 0 }) =>
      sum + (cases / total) * Math.abs(observed - meanPredicted),
    0,
  );
}
