import type { FindingScore } from '../../results/finding-score.js';

/** A coded concept: value, scheme, meaning. Source of the codes: PS3.16 (2024d) unless said otherwise. */
export interface Code {
  readonly value: string;
  readonly scheme: string;
  readonly meaning: string;
}

export const LOCAL_SCHEME = '99PREREAD';

export function dcm(value: string, meaning: string): Code {
  return { value, scheme: 'DCM', meaning };
}

export function sct(value: string, meaning: string): Code {
  return { value, scheme: 'SCT', meaning };
}

export const NO_UNITS: Code = { value: '1', scheme: 'UCUM', meaning: 'no units' };
export const PERCENT: Code = { value: '%', scheme: 'UCUM', meaning: 'Percent' };
export const PRESENT = dcm('121053', 'Present');
/**
 * Below the operating point. Never "Absent": the model is not made to rule anything out.
 */
export const NOT_FLAGGED: Code = {
  value: 'NOTFLAGGED',
  scheme: LOCAL_SCHEME,
  meaning: 'Not flagged at operating point',
};
export const OPERATING_POINT_SCORE: Code = {
  value: 'OPNORM',
  scheme: LOCAL_SCHEME,
  meaning: 'Operating-point normalised score',
};
export const PROBABILITY = dcm('122157', 'Probability');
export const CERTAINTY = dcm('111012', 'Certainty of Finding');

const LUNG = sct('39607008', 'Lung');
const PLEURA = sct('3120008', 'Pleura');
const HEART = sct('80891009', 'Heart');
const MEDIASTINUM = sct('72410000', 'Mediastinum');

/** Where a finding is, by its first code. No side: the model has none. */
const FINDING_SITES: Readonly<Record<string, Code>> = {
  '46621007': LUNG,
  '95436008': LUNG,
  '409609008': LUNG,
  '19242006': LUNG,
  '87433001': LUNG,
  '51615001': LUNG,
  '233604007': LUNG,
  '786838002': LUNG,
  '309529002': LUNG,
  '52988006': LUNG,
  '112001': LUNG,
  '36118008': PLEURA,
  '60046008': PLEURA,
  RID28509: PLEURA,
  '8186001': HEART,
  '260376009': MEDIASTINUM,
};

/** The code that names a finding: the model's first, which is SNOMED where there is a sure one. */
export function findingCode(finding: FindingScore): Code {
  const [first] = finding.codes;
  return first === undefined
    ? { value: finding.key, scheme: LOCAL_SCHEME, meaning: finding.display.en }
    : { value: first.code, scheme: first.system, meaning: first.display };
}

export function findingSite(finding: FindingScore): Code | undefined {
  return FINDING_SITES[findingCode(finding).value];
}
