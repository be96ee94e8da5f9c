import { existsSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { softwareVersion } from '../../adapters/process/package-info.js';
import { PipelineError } from '../../core/errors.js';
import { evaluateScores, type Evaluation } from '../../core/evaluation/evaluate-scores.js';
import { MAX_SUBGROUP_VALUES } from '../../core/evaluation/evaluate-subgroup.js';
import type { EvaluationData } from '../../core/evaluation/evaluation-data.js';
import { NOTICE, type EvaluationReport } from '../../core/evaluation/report/evaluation-report.js';
import { findingCharts } from '../../core/evaluation/report/finding-charts.js';
import { reportPage } from '../../core/evaluation/report/report-page.js';
import type { SiteManifest } from '../../core/inference/model-overlay.js';
import { csvLine } from '../score/csv.js';
import { evaluationCautions } from './cautions.js';
import type { LabelFlags } from './label-flags.js';
import { loadLabelledScores, type LabelledScoreFile } from './load-labelled-scores.js';

export interface EvaluateFlags extends LabelFlags {
  readonly out: string;
  readonly overlay?: string;
  readonly operatingPoint?: string;
  readonly subgroup: readonly string[];
  readonly minCell: number;
  readonly draws: number;
  readonly seed: number;
  readonly force: boolean;
}

/** What an evaluation leaves in its folder. Charts stand beside it for papers and slides. */
const REPORT_FILES = ['index.html', 'report.json', 'unmatched.csv', 'charts'] as const;

/** Evaluates and writes the report. Returns the lines that sum it up. Throws PipelineError. */
export async function runEvaluate(
  flags: EvaluateFlags,
  env: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  await checkReportFolder(flags.out, flags.force);
  const loaded = await loadLabelledScores(
    flags,
    { overlay: flags.overlay, subgroups: flags.subgroup },
    env,
  );
  const chosen = chooseOperatingPoint(loaded, flags.operatingPoint);
  checkSubgroups(chosen.data);
  const evaluation = evaluateScores(chosen.data, {
    draws: flags.draws,
    seed: flags.seed,
    minCell: flags.minCell,
  });
  const report = reportOf(loaded, chosen.manifest, evaluation, flags);
  await writeReport(flags.out, report, loaded);
  return summary(report, flags.out);
}

interface Chosen {
  readonly manifest: SiteManifest;
  readonly data: EvaluationData;
}

/** The data with the thresholds of another of the manifest's operating points, if one is named. */
function chooseOperatingPoint(
  { model: { manifest }, data }: LabelledScoreFile,
  operatingPoint: string | undefined,
): Chosen {
  if (operatingPoint === undefined) {
    return { manifest, data };
  }
  const findings = data.findings.map((finding) => {
    const thresholds = manifest.findings.find(({ key }) => key === finding.key)?.thresholds ?? {};
    const threshold = thresholds[operatingPoint];
    if (threshold === undefined) {
      throw new PipelineError(
        'request-invalid',
        `The model has no operating point "${operatingPoint}" for ${finding.key}. ` +
          `It has: ${Object.keys(thresholds).join(', ')}.`,
      );
    }
    return { ...finding, threshold };
  });
  return { manifest: { ...manifest, operatingPoint }, data: { ...data, findings } };
}

function checkSubgroups({ subgroups }: EvaluationData): void {
  for (const { name, values } of subgroups) {
    const distinct = new Set(values).size;
    if (distinct > MAX_SUBGROUP_VALUES) {
      throw new PipelineError(
        'request-invalid',
        `The column "${name}" has ${distinct} values; a subgroup has at most ${MAX_SUBGROUP_VALUES}.`,
      );
    }
  }
}

async function checkReportFolder(folder: string, force: boolean): Promise<void> {
  if (!existsSync(folder) || force) {
    return;
  }
  const entries = await readdir(folder).catch((cause: unknown) => {
    throw new PipelineError('request-invalid', `${folder} is no folder.`, { cause });
  });
  if (entries.some((entry) => REPORT_FILES.some((name) => name === entry))) {
    throw new PipelineError(
      'request-invalid',
      `${folder} holds a report: name another folder, or overwrite it with --force.`,
    );
  }
}

function reportOf(
  loaded: LabelledScoreFile,
  manifest: SiteManifest,
  evaluation: Evaluation,
  flags: EvaluateFlags,
): EvaluationReport {
  const { model, labels, matching } = loaded;
  const { name, version, file, operatingPoint, overlay, trainingData } = manifest;
  return {
    schemaVersion: 1,
    kind: 'preread-evaluation',
    softwareVersion,
    notice: NOTICE,
    model: {
      name,
      version,
      sha256: file.sha256,
      sha256Confirmed: model.scoredWith !== undefined,
      ...(model.scoredWith && { scoredWith: model.scoredWith }),
      operatingPoint,
      ...(overlay && { overlay }),
      trainingData,
    },
    labels: {
      format: labels.format.name,
      sha256: labels.sha256,
      policies: { uncertain: flags.uncertain, blank: flags.blank },
      patientColumn: labels.format.patientColumn,
    },
    matching,
    cautions: evaluationCautions(loaded, evaluation, flags),
    evaluation,
  };
}

async function writeReport(
  folder: string,
  report: EvaluationReport,
  { leftOut }: LabelledScoreFile,
): Promise<void> {
  const charts = join(folder, 'charts');
  await mkdir(charts, { recursive: true });
  for (const finding of report.evaluation.findings) {
    for (const { name, svg } of findingCharts(finding)) {
      const file = `${finding.key.replaceAll(' ', '-')}-${name}.svg`;
      await writeFile(join(charts, file), `${svg}\n`);
    }
  }
  const rows = leftOut.map(({ kind, image }) => csvLine([kind, image]));
  await writeFile(join(folder, 'unmatched.csv'), csvLine(['what', 'image']) + rows.join(''));
  await writeFile(join(folder, 'report.json'), `${JSON.stringify(report, undefined, 2)}\n`);
  await writeFile(join(folder, 'index.html'), reportPage(report));
}

function summary({ matching, evaluation, cautions }: EvaluationReport, folder: string): string {
  const { meanAuroc, patients } = evaluation;
  const [low, high] = meanAuroc.bootstrap95 ?? [];
  const { unmatched } = matching;
  return [
    `${matching.matched} of ${matching.scoreRows} score rows matched one of ${matching.labelRows} ` +
      `label rows, joined by ${matching.joinedBy}; ${patients} patients.`,
    ...Object.entries(unmatched)
      .filter(([, count]) => count > 0)
      .map(([kind, count]) => `  ${count} ${kind.replaceAll('-', ' ')}`),
    meanAuroc.value === undefined
      ? 'No finding has enough positives and negatives for an AUROC.'
      : `Mean AUROC over ${meanAuroc.findings} findings: ${meanAuroc.value.toFixed(3)}` +
        (low === undefined || high === undefined
          ? '.'
          : ` (95 % ${low.toFixed(3)} to ${high.toFixed(3)}).`),
    ...cautions.map((caution) => `Note: ${caution}`),
    `Report: ${join(folder, 'index.html')}, the same as data: ${join(folder, 'report.json')}.`,
  ].join('\n');
}
