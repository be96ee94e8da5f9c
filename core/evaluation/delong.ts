import { Z95, type Interval } from './interval.js';
import { ascendingOrder, countPositives, type LabelledScores } from './labelled-scores.js';

export interface DeLongAuroc {
  readonly auroc: number;
  readonly standardError: number;
  /** On the logit scale; undefined where the standard error is 0 (perfect separation). */
  readonly interval: Interval | undefined;
}

/**
 * Area under the ROC curve with DeLong's variance, in O(n log n) by midranks; undefined with fewer than
 * two positives or two negatives. Holds for independent cases: one image a patient.
 *
 * Source: DeLong, DeLong and Clarke-Pearson 1988, Biometrics 44:837-845; Sun and Xu 2014, IEEE Signal
 * Processing Letters 21:1389-1393. The interval is on the logit scale, so that it stays inside 0..1.
 */
export function deLongAuroc(
  cases: Pick<LabelledScores, 'scores' | 'positive'>,
): DeLongAuroc | undefined {
  const { scores, positive } = cases;
  const positives = countPositives(cases);
  const negatives = positive.length - positives;
  if (positives < 2 || negatives < 2) {
    return undefined;
  }
  const order = ascendingOrder(scores);
  const ofPositives = order.filter((index) => positive[index] === 1);
  const ofNegatives = order.filter((index) => positive[index] === 0);
  const all = midranks(scores, order);
  const v10 = placements(all, midranks(scores, ofPositives), ofPositives, negatives);
  const v01 = placements(all, midranks(scores, ofNegatives), ofNegatives, positives);
  const auroc = mean(v10);
  const variance = sampleVariance(v10) / positives + sampleVariance(v01) / negatives;
  const standardError = Math.sqrt(variance);
  return { auroc, standardError, interval: logitInterval(auroc, standardError) };
}

/** Ranks from 1, ties sharing their mean, at the positions of the values; 0 for what is not in `order`. */
function midranks(values: Float64Array, order: Uint32Array): Float64Array {
  const ranks = new Float64Array(values.length);
  let begin = 0;
  while (begin < order.length) {
    let end = begin + 1;
    while (end < order.length && values[order[end]!] === values[order[begin]!]) {
      end += 1;
    }
    for (let index = begin; index < end; index += 1) {
      ranks[order[index]!] = (begin + end + 1) / 2;
    }
    begin = end;
  }
  return ranks;
}

/** For each case of a class the share of the other class that ranks below it. */
function placements(
  all: Float64Array,
  within: Float64Array,
  members: Uint32Array,
  others: number,
): Float64Array {
  return Float64Array.from(members, (index) => (all[index]! - within[index]!) / others);
}

function logitInterval(auroc: number, standardError: number): Interval | undefined {
  if (standardError === 0) {
    return undefined;
  }
  const logit = Math.log(auroc / (1 - auroc));
  const half = (Z95 * standardError) / (auroc * (1 - auroc));
  return [1 / (1 + Math.exp(half - logit)), 1 / (1 + Math.exp(-half - logit))];
}

function mean(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function sampleVariance(values: Float64Array): number {
  const center = mean(values);
  return values.reduce((sum, value) => sum + (value - center) ** 2, 0) / (values.length - 1);
}
