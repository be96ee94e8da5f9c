import type { CalibrationFigures } from '../calibration-figures.js';
import type { FindingEvaluation } from '../evaluate-scores.js';
import { wilsonInterval } from '../interval.js';
import { figure } from './markup.js';
import { unitChart, type ChartSeries } from './unit-chart.js';

/** Two colours that colour-blind readers tell apart (Okabe and Ito). */
const BLUE = '#0072b2';
const ORANGE = '#d55e00';

export interface NamedChart {
  readonly name: 'roc' | 'precision-recall' | 'calibration';
  readonly svg: string;
}

/** ROC, precision-recall and reliability diagram of a finding, as far as it has them. */
export function findingCharts(finding: FindingEvaluation): readonly NamedChart[] {
  const { title, discrimination, operatingPoint } = finding;
  const { sensitivity, specificity, positivePredictiveValue, prevalence } = operatingPoint;
  const charts: NamedChart[] = [];
  if (discrimination !== undefined) {
    charts.push(
      {
        name: 'roc',
        svg: unitChart({
          title,
          subtitle: `ROC, area ${figure(discrimination.auroc)}`,
          x: '1 - specificity',
          y: 'sensitivity',
          series: [{ points: discrimination.roc, colour: BLUE }],
          diagonal: true,
          mark: { x: 1 - (specificity.value ?? 1), y: sensitivity.value ?? 0 },
        }),
      },
      {
        name: 'precision-recall',
        svg: unitChart({
          title,
          subtitle: `precision-recall, average precision ${figure(discrimination.averagePrecision)}`,
          x: 'sensitivity (recall)',
          y: 'positive predictive value (precision)',
          series: [{ points: discrimination.precisionRecall, colour: BLUE }],
          level: prevalence.value ?? 0,
          mark:
            positivePredictiveValue.value === undefined
              ? undefined
              : { x: sensitivity.value ?? 0, y: positivePredictiveValue.value },
        }),
      },
    );
  }
  const series = [
    ...reliability(finding.calibrationRaw, 'raw', BLUE),
    ...reliability(finding.calibrationCalibrated, 'calibrated', ORANGE),
  ];
  if (series.length > 0) {
    charts.push({
      name: 'calibration',
      svg: unitChart({
        title,
        subtitle: 'reliability',
        x: 'mean predicted probability',
        y: 'share with the finding',
        series,
        diagonal: true,
      }),
    });
  }
  return charts;
}

function reliability(
  figures: CalibrationFigures | undefined,
  name: string,
  colour: string,
): ChartSeries[] {
  const filled = (figures?.bins ?? []).flatMap(({ meanPredicted, observed, positives, cases }) =>
    meanPredicted === undefined || observed === undefined
      ? []
      : [{ x: meanPredicted, y: observed, interval: wilsonInterval(positives, cases) }],
  );
  const intervals = filled.map(({ interval }) => interval);
  return filled.length === 0 ? [] : [{ points: filled, colour, name, dots: 3, intervals }];
}
