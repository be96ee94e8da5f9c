import { deLongAuroc } from './delong.js';
import {
  labelledCases,
  type EvaluationData,
  type EvaluationSettings,
  type Subgrouping,
} from './evaluation-data.js';
import type { Interval } from './interval.js';
import { countPositives, type LabelledScores } from './labelled-scores.js';
import { confusionAt, operatingPointFigures, type Share } from './operating-point.js';
import { patientBootstrap } from './patient-bootstrap.js';

/** More values than this are no subgroups but a measurement. */
export const MAX_SUBGROUP_VALUES = 30;

export interface SubgroupCell {
  readonly value: string;
  readonly positives: number;
  readonly negatives: number;
  /** Undefined when the cell has too few positives or negatives. */
  readonly figures:
    | {
        readonly auroc: number;
        /** DeLong where every patient has one image, else by drawing patients. */
        readonly auroc95: Interval | undefined;
        readonly sensitivity: Share;
        readonly specificity: Share;
      }
    | undefined;
}

export interface SubgroupEvaluation {
  readonly name: string;
  /** Images of each value; '' is not among them. */
  readonly images: Readonly<Record<string, number>>;
  readonly unknown: number;
  readonly findings: readonly {
    readonly key: string;
    readonly title: string;
    readonly cells: readonly SubgroupCell[];
    /** Largest less smallest over the cells that have figures; undefined with fewer than two. */
    readonly aurocGap: number | undefined;
    /** Of the share of positives that is not flagged. */
    readonly falseNegativeRateGap: number | undefined;
  }[];
  /** Mean AUROC of each value over the findings that have figures there. */
  readonly meanAuroc: readonly {
    readonly value: string;
    readonly findings: number;
    readonly auroc: number | undefined;
  }[];
}

export function evaluateSubgroup(
  { findings, patients, patientCount }: EvaluationData,
  { name, values }: Subgrouping,
  settings: EvaluationSettings,
): SubgroupEvaluation {
  const images = countValues(values);
  const names = Object.keys(images);
  const evaluated = findings.map((finding) => {
    const cells = names.map((value) => {
      const cases = labelledCases(finding, patients, (image) => values[image] === value);
      return evaluateCell(value, cases, finding.threshold, { ...settings, patientCount });
    });
    return {
      key: finding.key,
      title: finding.title,
      cells,
      aurocGap: gap(cells.flatMap(({ figures }) => figures?.auroc ?? [])),
      falseNegativeRateGap: gap(cells.flatMap(({ figures }) => figures?.sensitivity.value ?? [])),
    };
  });
  return {
    name,
    images,
    unknown: values.filter((value) => value === '').length,
    findings: evaluated,
    meanAuroc: names.map((value, at) => {
      const aurocs = evaluated.flatMap(({ cells }) => cells[at]?.figures?.auroc ?? []);
      const sum = aurocs.reduce((total, auroc) => total + auroc, 0);
      return {
        value,
        findings: aurocs.length,
        auroc: aurocs.length === 0 ? undefined : sum / aurocs.length,
      };
    }),
  };
}

function evaluateCell(
  value: string,
  cases: LabelledScores,
  threshold: number,
  settings: EvaluationSettings & { readonly patientCount: number },
): SubgroupCell {
  const positives = countPositives(cases);
  const negatives = cases.scores.length - positives;
  const deLong = Math.min(positives, negatives) < settings.minCell ? undefined : deLongAuroc(cases);
  if (deLong === undefined) {
    return { value, positives, negatives, figures: undefined };
  }
  const independent = new Set(cases.patients).size === cases.patients.length;
  const { sensitivity, specificity } = operatingPointFigures(confusionAt(cases, threshold));
  return {
    value,
    positives,
    negatives,
    figures: {
      auroc: deLong.auroc,
      auroc95: independent ? deLong.interval : patientBootstrap([cases], settings).findings[0],
      sensitivity,
      specificity,
    },
  };
}

/** Values by name, with how many images have them. */
function countValues(values: readonly string[]): Record<string, number> {
  const counts = new Map<string, number>();
  for (const value of values) {
    if (value !== '') {
      counts.set(value, (counts.get(value) ?? 0) + 1);
    }
  }
  return Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function gap(values: readonly number[]): number | undefined {
  return values.length < 2 ? undefined : Math.max(...values) - Math.min(...values);
}
