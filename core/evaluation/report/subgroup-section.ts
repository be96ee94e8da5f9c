import type { EvaluationSettings } from '../evaluation-data.js';
import type { SubgroupCell, SubgroupEvaluation } from '../evaluate-subgroup.js';
import { escapeMarkup, figure, intervalText, table } from './markup.js';
import { shareCell, underneath } from './report-tables.js';

export function subgroupSection(
  { name, images, unknown, findings, meanAuroc }: SubgroupEvaluation,
  { minCell }: EvaluationSettings,
): string {
  const values = Object.keys(images);
  const counts = values.map((value) => `${value}: ${images[value] ?? 0}`);
  if (unknown > 0) {
    counts.push(`unknown: ${unknown}`);
  }
  const means = meanAuroc.map(
    ({ value, auroc, findings: count }) => `${value}: ${figure(auroc)} (${count} findings)`,
  );
  return `<h2>By ${escapeMarkup(name)}</h2>
<p>Images: ${escapeMarkup(counts.join(', '))}. Mean AUROC over the findings that have figures:
${escapeMarkup(means.join(', '))}. Cells need ${minCell} positives and ${minCell} negatives.</p>
${cellTable(`AUROC by ${name}`, values, findings, aurocCell, ({ aurocGap }) => aurocGap)}
${cellTable(
  `Sensitivity by ${name}; gap of the false negative rate`,
  values,
  findings,
  ({ figures }) => (figures === undefined ? '–' : shareCell(figures.sensitivity)),
  ({ falseNegativeRateGap }) => falseNegativeRateGap,
)}`;
}

type SubgroupFinding = SubgroupEvaluation['findings'][number];

function cellTable(
  caption: string,
  values: readonly string[],
  findings: readonly SubgroupFinding[],
  cell: (cell: SubgroupCell) => string,
  gap: (finding: SubgroupFinding) => number | undefined,
): string {
  return table(
    caption,
    [
      { title: 'Finding' },
      ...values.map((title) => ({ title, numeric: true })),
      { title: 'Gap', numeric: true },
    ],
    findings.map((finding) => [
      escapeMarkup(finding.title),
      ...finding.cells.map(cell),
      figure(gap(finding)),
    ]),
  );
}

function aurocCell({ positives, negatives, figures }: SubgroupCell): string {
  const counts = underneath(`${positives} with, ${negatives} without`);
  return figures === undefined
    ? `–${counts}`
    : `${figure(figures.auroc)}${underneath(intervalText(figures.auroc95))}${counts}`;
}
