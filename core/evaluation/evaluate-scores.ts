import { calibrationFigures, type CalibrationFigures } from './calibration-figures.js';
import { curvesOf, thinCurve, type CurvePoint } from './curves.js';
import { deLongAuroc } from './delong.js';
import { evaluateSubgroup, type SubgroupEvaluation } from './evaluate-subgroup.js';
import type { Interval } from './interval.js';
import {
  labelledCases,
  type EvaluationData,
  type EvaluationSettings,
  type FindingColumn,
} from './evaluation-data.js';
import { UNKNOWN } from './label-values.js';
import { countPositives, type LabelledScores } from './labelled-scores.js';
import {
  confusionAt,
  operatingPointFigures,
  type OperatingPointFigures,
} from './operating-point.js';
import { patientBootstrap } from './patient-bootstrap.js';

export interface Discrimination {
  readonly auroc: number;
  /** Logit scale; images counted as independent. */
  readonly deLong95: Interval | undefined;
  readonly deLongStandardError: number;
  /** Percentiles over draws of whole patients. */
  readonly bootstrap95: Interval | undefined;
  readonly averagePrecision: number;
  readonly roc: readonly CurvePoint[];
  readonly precisionRecall: readonly CurvePoint[];
}

export interface FindingEvaluation {
  readonly key: string;
  readonly title: string;
  readonly withheld: string | undefined;
  readonly positives: number;
  readonly negatives: number;
  readonly threshold: number;
  /** Undefined with fewer than two positives or two negatives. */
  readonly discrimination: Discrimination | undefined;
  readonly operatingPoint: OperatingPointFigures;
  /** Of the raw probability; undefined without a labelled image. */
  readonly calibrationRaw: CalibrationFigures | undefined;
  /** Of the calibrated probability, where the model or the overlay has a calibration. */
  readonly calibrationCalibrated: CalibrationFigures | undefined;
}

export interface Evaluation {
  readonly images: number;
  readonly patients: number;
  readonly settings: EvaluationSettings;
  readonly meanAuroc: {
    /** Findings whose AUROC is defined. */
    readonly findings: number;
    readonly value: number | undefined;
    readonly bootstrap95: Interval | undefined;
  };
  readonly findings: readonly FindingEvaluation[];
  readonly subgroups: readonly SubgroupEvaluation[];
}

/** Everything that an evaluation says, from scores and labels that were joined before. */
export function evaluateScores(data: EvaluationData, settings: EvaluationSettings): Evaluation {
  const { patients, patientCount } = data;
  const all = data.findings.map((finding) => labelledCases(finding, patients));
  const defined = all.map((cases) => deLongAuroc(cases));
  const evaluable = all.filter((_, index) => defined[index] !== undefined);
  const bootstrap = patientBootstrap(evaluable, { ...settings, patientCount });
  const intervals = [...bootstrap.findings];
  const findings = data.findings.map((finding, index) => {
    const deLong = defined[index];
    const bootstrap95 = deLong === undefined ? undefined : intervals.shift();
    return evaluateFinding(finding, all[index]!, deLong, bootstrap95);
  });
  const aurocs = findings.flatMap(({ discrimination }) => discrimination?.auroc ?? []);
  return {
    images: data.images,
    patients: patientCount,
    settings,
    meanAuroc: {
      findings: aurocs.length,
      value:
        aurocs.length === 0
          ? undefined
          : aurocs.reduce((sum, value) => sum + value, 0) / aurocs.length,
      bootstrap95: aurocs.length === 0 ? undefined : bootstrap.mean,
    },
    findings,
    subgroups: data.subgroups.map((subgrouping) => evaluateSubgroup(data, subgrouping, settings)),
  };
}

function evaluateFinding(
  finding: FindingColumn,
  cases: LabelledScores,
  deLong: ReturnType<typeof deLongAuroc>,
  bootstrap95: Interval | undefined,
): FindingEvaluation {
  const { key, title, withheld, threshold, calibrated, labels } = finding;
  const positives = countPositives(cases);
  const total = cases.scores.length;
  const curves = deLong === undefined ? undefined : curvesOf(cases);
  return {
    key,
    title,
    withheld,
    positives,
    negatives: total - positives,
    threshold,
    discrimination: deLong &&
      curves && {
        auroc: deLong.auroc,
        deLong95: deLong.interval,
        deLongStandardError: deLong.standardError,
        bootstrap95,
        averagePrecision: curves.averagePrecision,
        roc: thinCurve(curves.roc),
        precisionRecall: thinCurve(curves.precisionRecall),
      },
    operatingPoint: operatingPointFigures(confusionAt(cases, threshold)),
    calibrationRaw: total === 0 ? undefined : calibrationFigures(cases),
    calibrationCalibrated:
      total === 0 || calibrated === undefined
        ? undefined
        : calibrationFigures({
            scores: calibrated.filter((_, image) => labels[image] !== UNKNOWN),
            positive: cases.positive,
          }),
  };
}
