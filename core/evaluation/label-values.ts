export const UNCERTAIN_POLICIES = ['ignore', 'positive', 'negative'] as const;
export type UncertainPolicy = (typeof UNCERTAIN_POLICIES)[number];

export const BLANK_POLICIES = ['ignore', 'negative'] as const;
export type BlankPolicy = (typeof BLANK_POLICIES)[number];

export interface LabelPolicies {
  /** What becomes of -1, "uncertain" in CheXpert and MIMIC-CXR. */
  readonly uncertain: UncertainPolicy;
  /** What becomes of a finding that the report does not mention. */
  readonly blank: BlankPolicy;
}

/** 1 there, 0 not there, UNKNOWN takes no part. */
export type Label = 0 | 1 | typeof UNKNOWN;
export const UNKNOWN = -1;

const POSITIVE = new Set(['1', 'true', 'yes', 'y', 'positive', 'pos']);
const NEGATIVE = new Set(['0', 'false', 'no', 'n', 'negative', 'neg']);
const UNCERTAIN = new Set(['-1', 'uncertain', 'u']);
const BLANK = new Set(['', 'nan', 'na', 'n/a', 'null', 'none']);

/** Undefined for a text that is no label, such as a probability. */
export function labelOf(text: string, policies: LabelPolicies): Label | undefined {
  const value = text
    .trim()
    .toLowerCase()
    .replace(/^(-?\d+)\.0+$/, '$1');
  if (POSITIVE.has(value)) {
    return 1;
  }
  if (NEGATIVE.has(value)) {
    return 0;
  }
  if (UNCERTAIN.has(value)) {
    return policies.uncertain === 'ignore' ? UNKNOWN : policies.uncertain === 'positive' ? 1 : 0;
  }
  if (BLANK.has(value)) {
    return policies.blank === 'ignore' ? UNKNOWN : 0;
  }
  return undefined;
}
