import type { FindingEvaluation } from '../evaluate-scores.js';
import type { Share } from '../operating-point.js';
import { escapeMarkup, figure, intervalText, table } from './markup.js';

export function discriminationTable(findings: readonly FindingEvaluation[]): string {
  return table(
    'Area under the curves, 95 % intervals',
    [
      { title: 'Finding' },
      { title: 'With', numeric: true },
      { title: 'Without', numeric: true },
      { title: 'AUROC', numeric: true },
      { title: 'DeLong', numeric: true },
      { title: 'Patient bootstrap', numeric: true },
      { title: 'AUPRC', numeric: true },
      { title: 'Prevalence', numeric: true },
    ],
    findings.map((finding) => {
      const { discrimination, positives, negatives, operatingPoint } = finding;
      return [
        name(finding),
        String(positives),
        String(negatives),
        figure(discrimination?.auroc),
        intervalText(discrimination?.deLong95),
        intervalText(discrimination?.bootstrap95),
        figure(discrimination?.averagePrecision),
        figure(operatingPoint.prevalence.value),
      ];
    }),
  );
}

export function operatingPointTable(findings: readonly FindingEvaluation[]): string {
  return table(
    'Shares with Wilson 95 % intervals',
    [
      { title: 'Finding' },
      ...['Threshold', 'Sensitivity', 'Specificity', 'PPV', 'NPV', 'Flagged'].map((title) => ({
        title,
        numeric: true,
      })),
    ],
    findings.map((finding) => {
      const figures = finding.operatingPoint;
      return [
        name(finding),
        finding.threshold.toPrecision(3),
        shareCell(figures.sensitivity),
        shareCell(figures.specificity),
        shareCell(figures.positivePredictiveValue),
        shareCell(figures.negativePredictiveValue),
        shareCell(figures.flagRate),
      ];
    }),
  );
}

export function calibrationTable(findings: readonly FindingEvaluation[]): string {
  const rows = findings.flatMap((finding) =>
    (
      [
        ['raw', finding.calibrationRaw],
        ['calibrated', finding.calibrationCalibrated],
      ] as const
    ).flatMap(([kind, figures]) =>
      figures === undefined
        ? []
        : [
            [
              name(finding),
              kind,
              figure(figures.brier),
              figure(figures.ece10),
              figure(figures.ece15),
              figure(figures.slope),
              figure(figures.intercept),
            ],
          ],
    ),
  );
  return table(
    'How far probabilities are from frequencies',
    [
      { title: 'Finding' },
      { title: 'Probability' },
      ...['Brier', 'ECE, 10 bins', 'ECE, 15 bins', 'Slope', 'Intercept'].map((title) => ({
        title,
        numeric: true,
      })),
    ],
    rows,
  );
}

/** `0.81 (26/32)`, and on a line of its own `0.65 to 0.91`. */
export function shareCell({ value, hits, total, interval }: Share): string {
  return value === undefined
    ? '–'
    : `${figure(value)} <small>(${hits}/${total})</small>${underneath(intervalText(interval))}`;
}

/** Text in small on a line of its own within a cell. */
export function underneath(text: string): string {
  return `<small class="u">${escapeMarkup(text)}</small>`;
}

function name({ key, title, withheld }: FindingEvaluation): string {
  const mark = withheld === undefined ? '' : ' <small>withheld</small>';
  return `<a href="#${escapeMarkup(key)}">${escapeMarkup(title)}</a>${mark}`;
}
