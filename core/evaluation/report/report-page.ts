import type { EvaluationReport } from './evaluation-report.js';
import { findingCharts } from './finding-charts.js';
import { escapeMarkup, figure, intervalText } from './markup.js';
import { calibrationTable, discriminationTable, operatingPointTable } from './report-tables.js';
import { subgroupSection } from './subgroup-section.js';

const STYLE = `
body{font:15px/1.5 system-ui,sans-serif;color:#1b1b1b;max-width:76rem;margin:0 auto;padding:1rem 1.5rem}
h1{font-size:1.6rem;margin-bottom:.2rem}h2{margin-top:2.2rem;border-bottom:1px solid #ccc}
.scroll{overflow-x:auto}table{border-collapse:collapse;margin:.8rem 0;font-variant-numeric:tabular-nums}
caption{text-align:left;font-weight:600;padding:.3rem 0}th,td{padding:.2rem .7rem;border-bottom:1px solid #e2e2e2;text-align:left}
th[scope=row]{font-weight:500}.n{text-align:right;white-space:nowrap}.u{display:block;line-height:1.3}small,.quiet{color:#555}.notice{background:#fff3cd;padding:.6rem 1rem}
.charts{display:flex;flex-wrap:wrap;gap:.5rem;break-inside:avoid}svg{max-width:100%;height:auto}dt{font-weight:600}dd{margin:0 0 .3rem 1rem}
`;

/** The report as one HTML page that needs no network, no script and no other file. */
export function reportPage(report: EvaluationReport): string {
  const { model, evaluation, cautions } = report;
  const { meanAuroc, findings, subgroups } = evaluation;
  const title = `Evaluation of ${model.name}@${model.version}`;
  const charts = findings.map(
    (finding) =>
      `<h3 id="${escapeMarkup(finding.key)}">${escapeMarkup(finding.title)}</h3>` +
      `<div class="charts">${findingCharts(finding)
        .map(({ svg }) => svg)
        .join('')}</div>`,
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escapeMarkup(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${escapeMarkup(title)}</h1>
<p class="notice">${escapeMarkup(report.notice)}</p>
${cautions.length === 0 ? '' : `<h2>Read this first</h2><ul>${listItems(cautions)}</ul>`}
<h2>What was evaluated</h2>
${provenance(report)}
${matchingTable(report)}
<h2>Discrimination</h2>
<p>Mean AUROC over ${meanAuroc.findings} findings: <strong>${figure(meanAuroc.value)}</strong>
(95 % ${intervalText(meanAuroc.bootstrap95)}, ${evaluation.settings.draws} draws of patients).</p>
${discriminationTable(findings)}
<h2>At the operating point</h2>
<p>Thresholds are those of ${escapeMarkup(model.operatingPoint)}, fixed before these labels were read. Predictive values hold
for the prevalence in this set and for no other. Intervals: Wilson, 95 %, images counted as independent.</p>
${operatingPointTable(findings)}
<h2>Calibration</h2>
<p>Of the raw probability, and of the calibrated one where there is a calibration. ECE: expected calibration error over
bins of equal width. Slope and intercept: 1 and 0 are perfect.</p>
${calibrationTable(findings)}
<h2>Curves</h2>
<p>The red circle is the operating point. The dashed line is chance, the prevalence, or perfect calibration. Bars are Wilson 95 %
intervals of the share in each of ten bins: where they are long, few images lie.</p>
${charts.join('\n')}
${subgroups.map((subgroup) => subgroupSection(subgroup, evaluation.settings)).join('\n')}
<h2>How it was computed</h2>
${methods(report)}
</body>
</html>
`;
}

function provenance({ model, labels, softwareVersion }: EvaluationReport): string {
  const { overlay } = model;
  const entries: readonly (readonly [string, string])[] = [
    ['Model', `${model.name}@${model.version}, operating point ${model.operatingPoint}`],
    [
      'Weights',
      model.scoredWith === undefined
        ? `SHA-256 ${model.sha256} (by name and version only: the scores do not say it)`
        : `${model.scoredWith.precision}, SHA-256 ${model.scoredWith.sha256}`,
    ],
    ...(overlay === undefined
      ? []
      : [['Site overlay', `${overlay.name}@${overlay.version}, ${overlay.sha256}`] as const]),
    ['Trained on', model.trainingData.join('; ')],
    [
      'Labels',
      `${labels.format} format, SHA-256 ${labels.sha256}; uncertain: ${labels.policies.uncertain}, blank: ${labels.policies.blank}`,
    ],
    ['Software', `preread ${softwareVersion}`],
  ];
  const items = entries.map(
    ([name, value]) => `<dt>${escapeMarkup(name)}</dt><dd>${escapeMarkup(value)}</dd>`,
  );
  return `<dl>${items.join('')}</dl>`;
}

function matchingTable({ matching, evaluation }: EvaluationReport): string {
  const { unmatched, notAnalysed } = matching;
  const lines = [
    `${matching.scoreRows} rows of scores, ${matching.labelRows} rows of labels, joined by ${matching.joinedBy}.`,
    `${matching.matched} scored images have labels; they are of ${evaluation.patients} ${matching.patientsKnown ? 'patients' : 'images, each counted as a patient'}.`,
    ...Object.entries(notAnalysed).map(
      ([reason, count]) => `Labelled but not analysed: ${count} (${reason}).`,
    ),
    ...Object.entries(unmatched)
      .filter(([, count]) => count > 0)
      .map(([kind, count]) => `${count} ${kind.replaceAll('-', ' ')} (listed in unmatched.csv).`),
  ];
  return `<ul>${listItems(lines)}</ul>`;
}

function methods({ evaluation: { settings } }: EvaluationReport): string {
  return `<ul>${listItems([
    'AUROC: the chance that a random positive scores above a random negative, ties half. DeLong 1988 by midranks, interval on the logit scale.',
    `Bootstrap: ${settings.draws} draws of whole patients with replacement (seed ${settings.seed}), 2.5 to 97.5 percentile. Where patients have several images, this is the interval to read.`,
    'Area under precision-recall: average precision, without interpolation. Chance is the prevalence.',
    'If patients of this set were among those that the model was trained on, every figure is too good.',
    'Images whose label is unknown take no part in that finding; images that were not analysed take no part at all.',
    `Cells of subgroups with fewer than ${settings.minCell} positives or negatives have counts only.`,
    'An interval says how much the figure would move with other patients of the same kind. It says nothing of wrong labels, other hospitals, other machines, or of what readers would do with the result.',
  ])}</ul>`;
}

function listItems(lines: readonly string[]): string {
  return lines.map((line) => `<li>${escapeMarkup(line)}</li>`).join('');
}
