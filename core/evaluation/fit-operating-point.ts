import { PipelineError } from '../errors.js';
import { ascendingOrder, countPositives, type LabelledScores } from './labelled-scores.js';

/** Merits nearer than this are equal, and the higher threshold is taken. */
const TIE = 1e-12;

/** The rules that may choose an operating point, with the bound of those that have one. */
export type Criterion =
  | { readonly rule: 'youden' }
  | { readonly rule: 'sensitivity' | 'specificity' | 'flag-rate'; readonly bound: number };

/**
 * `youden`, `sensitivity>=0.9`, `specificity>=0.8` or `flag-rate<=0.1`. Throws `request-invalid`.
 */
export function parseCriterion(text: string): Criterion {
  if (text === 'youden') {
    return { rule: 'youden' };
  }
  const match = /^(sensitivity|specificity|flag-rate)(>=|<=)(0?\.\d+|[01])$/.exec(
    text.replaceAll(' ', ''),
  );
  const [, rule, comparison, bound] = match ?? [];
  const fits = comparison === (rule === 'flag-rate' ? '<=' : '>=');
  if (rule === undefined || !fits || !(Number(bound) > 0 && Number(bound) < 1)) {
    throw new PipelineError(
      'request-invalid',
      'The criterion is youden, sensitivity>=S, specificity>=S or flag-rate<=S, with S between 0 and 1.',
    );
  }
  return { rule: rule as 'sensitivity' | 'specificity' | 'flag-rate', bound: Number(bound) };
}

export function criterionText(criterion: Criterion): string {
  if (criterion.rule === 'youden') {
    return 'youden';
  }
  return `${criterion.rule}${criterion.rule === 'flag-rate' ? '<=' : '>='}${criterion.bound}`;
}

/**
 * The threshold that a criterion chooses: the largest Youden index; the highest threshold with enough
 * sensitivity; the lowest with enough specificity, or with few enough flagged. It lies half way between
 * two scores that occurred, so that the last digit of a score decides nothing. In (0, 1).
 */
export function fitThreshold(
  cases: Pick<LabelledScores, 'scores' | 'positive'>,
  criterion: Criterion,
): number {
  const { scores, positive } = cases;
  const order = ascendingOrder(scores).reverse();
  const positives = countPositives(cases);
  const negatives = positive.length - positives;
  let truePositives = 0;
  let best: { readonly value: number; readonly threshold: number } | undefined;
  // Nothing is flagged above the highest score.
  consider(0, 0, (1 + (scores[order[0] ?? 0] ?? 1)) / 2);
  for (const [rank, index] of order.entries()) {
    truePositives += positive[index]!;
    const score = scores[index]!;
    const next = order[rank + 1];
    const nextScore = next === undefined ? 0 : scores[next]!;
    if (next === undefined || nextScore !== score) {
      consider(truePositives, rank + 1 - truePositives, (score + nextScore) / 2);
    }
  }
  return Math.min(1 - Number.EPSILON, Math.max(Number.MIN_VALUE, best?.threshold ?? 0.5));

  /** Called from the highest threshold to the lowest. */
  function consider(hits: number, falseAlarms: number, threshold: number): void {
    const value = merit(criterion, {
      sensitivity: hits / positives,
      specificity: 1 - falseAlarms / negatives,
      flagRate: (hits + falseAlarms) / positive.length,
    });
    if (value !== undefined && (best === undefined || value > best.value + TIE)) {
      best = { value, threshold };
    }
  }
}

interface Rates {
  readonly sensitivity: number;
  readonly specificity: number;
  readonly flagRate: number;
}

/** What is to be as large as possible; undefined where the bound is not kept. */
function merit(criterion: Criterion, rates: Rates): number | undefined {
  switch (criterion.rule) {
    case 'youden':
      return rates.sensitivity + rates.specificity - 1;
    case 'sensitivity':
      return rates.sensitivity >= criterion.bound ? -rates.flagRate : undefined;
    case 'specificity':
      return rates.specificity >= criterion.bound ? rates.flagRate : undefined;
    case 'flag-rate':
      return rates.flagRate <= criterion.bound ? rates.flagRate : undefined;
  }
}
