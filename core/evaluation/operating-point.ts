import { wilsonInterval, type Interval } from './interval.js';
import type { LabelledScores } from './labelled-scores.js';

export interface Share {
  readonly hits: number;
  readonly total: number;
  /** Undefined when `total` is 0. */
  readonly value: number | undefined;
  /** 95 %, Wilson. */
  readonly interval: Interval | undefined;
}

export interface Confusion {
  readonly truePositives: number;
  readonly falsePositives: number;
  readonly trueNegatives: number;
  readonly falseNegatives: number;
}

export interface OperatingPointFigures extends Confusion {
  readonly sensitivity: Share;
  readonly specificity: Share;
  readonly positivePredictiveValue: Share;
  readonly negativePredictiveValue: Share;
  /** How many of all cases are flagged. */
  readonly flagRate: Share;
  /** How many of all cases have the finding: predictive values hold for this share only. */
  readonly prevalence: Share;
}

/** Counts at a threshold: a case is flagged from the threshold on, as in scoring. */
export function confusionAt(
  { scores, positive }: Pick<LabelledScores, 'scores' | 'positive'>,
  threshold: number,
): Confusion {
  const counts = { truePositives: 0, falsePositives: 0, trueNegatives: 0, falseNegatives: 0 };
  for (let index = 0; index < scores.length; index += 1) {
    const flagged = scores[index]! >= threshold;
    if (positive[index] === 1) {
      counts[flagged ? 'truePositives' : 'falseNegatives'] += 1;
    } else {
      counts[flagged ? 'falsePositives' : 'trueNegatives'] += 1;
    }
  }
  return counts;
}

export function addConfusions(a: Confusion, b: Confusion): Confusion {
  return {
    truePositives: a.truePositives + b.truePositives,
    falsePositives: a.falsePositives + b.falsePositives,
    trueNegatives: a.trueNegatives + b.trueNegatives,
    falseNegatives: a.falseNegatives + b.falseNegatives,
  };
}

export function operatingPointFigures(confusion: Confusion): OperatingPointFigures {
  const { truePositives, falsePositives, trueNegatives, falseNegatives } = confusion;
  const positives = truePositives + falseNegatives;
  const negatives = trueNegatives + falsePositives;
  const flagged = truePositives + falsePositives;
  const total = positives + negatives;
  return {
    ...confusion,
    sensitivity: share(truePositives, positives),
    specificity: share(trueNegatives, negatives),
    positivePredictiveValue: share(truePositives, flagged),
    negativePredictiveValue: share(trueNegatives, total - flagged),
    flagRate: share(flagged, total),
    prevalence: share(positives, total),
  };
}

function share(hits: number, total: number): Share {
  return {
    hits,
    total,
    value: total === 0 ? undefined : hits / total,
    interval: wilsonInterval(hits, total),
  };
}
