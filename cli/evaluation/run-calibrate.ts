import { existsSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';

import { softwareVersion } from '../../adapters/process/package-info.js';
import { PipelineError } from '../../core/errors.js';
import { labelledCases } from '../../core/evaluation/evaluation-data.js';
import { criterionText, parseCriterion } from '../../core/evaluation/fit-operating-point.js';
import {
  fitOverlayFinding,
  patientFolds,
  type CalibrationMethod,
} from '../../core/evaluation/fit-overlay-finding.js';
import { modelOverlaySchema, type ModelOverlay } from '../../core/inference/model-overlay.js';
import type { LabelFlags } from './label-flags.js';
import { loadLabelledScores, type LabelledScoreFile } from './load-labelled-scores.js';

export interface CalibrateFlags extends LabelFlags {
  readonly out: string;
  readonly name: string;
  readonly overlayVersion: string;
  readonly criterion: string;
  readonly calibration: CalibrationMethod;
  readonly minPatients: number;
  readonly folds: number;
  readonly seed: number;
  readonly force: boolean;
}

/** Fits an overlay and writes it. Returns the lines that sum it up. Throws PipelineError. */
export async function runCalibrate(
  flags: CalibrateFlags,
  env: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  parseCriterion(flags.criterion);
  if (existsSync(flags.out) && !flags.force) {
    throw new PipelineError(
      'request-invalid',
      `${flags.out} exists: name another file, or overwrite it with --force.`,
    );
  }
  // The model's own operating point and calibration are what the site's are compared with.
  const plain = { ...env, PREREAD_MODEL_OVERLAY: undefined };
  const loaded = await loadLabelledScores(flags, { overlay: undefined, subgroups: [] }, plain);
  const overlay = fitOverlay(loaded, flags);
  const temporary = `${flags.out}.tmp`;
  await writeFile(temporary, `${JSON.stringify(overlay, undefined, 2)}\n`);
  await rename(temporary, flags.out);
  return summary(overlay, loaded, flags.out);
}

function fitOverlay(
  { model: { manifest, scoredWith }, labels, data, matching }: LabelledScoreFile,
  flags: CalibrateFlags,
): ModelOverlay {
  if (scoredWith === undefined) {
    throw new PipelineError(
      'request-invalid',
      'An overlay is bound to the weights, and the scores do not say which these were: keep the ' +
        '.run.json that preread score wrote beside them, or score into JSON Lines.',
    );
  }
  const { folds, seed, minPatients } = flags;
  const criterion = parseCriterion(flags.criterion);
  const foldOfPatient = patientFolds(data.patientCount, folds, seed);
  const fit = { criterion, method: flags.calibration, minPatients, folds, foldOfPatient };
  const findings = manifest.findings
    .filter(({ withheld }) => withheld === undefined)
    .map(({ key, thresholds, calibration }) => {
      const threshold = thresholds[manifest.operatingPoint] ?? 0.5;
      const column = data.findings.find((finding) => finding.key === key);
      const finding =
        column === undefined
          ? { threshold, basis: 'model', reason: 'the labels do not have this finding' }
          : fitOverlayFinding(
              labelledCases(column, data.patients),
              { threshold, calibration },
              fit,
            );
      return [key, finding] as const;
    });
  const overlay = modelOverlaySchema.safeParse({
    schemaVersion: 1,
    name: flags.name,
    version: flags.overlayVersion,
    model: { name: manifest.name, version: manifest.version, sha256: manifest.file.sha256 },
    criterion: criterionText(criterion),
    calibrationMethod: flags.calibration,
    fittedOn: {
      images: data.images,
      patients: data.patientCount,
      patientsKnown: matching.patientsKnown,
      folds,
      seed,
      labelsSha256: labels.sha256,
      softwareVersion,
    },
    findings: Object.fromEntries(findings),
  });
  if (!overlay.success) {
    const [issue] = overlay.error.issues;
    throw new PipelineError(
      'request-invalid',
      `The overlay would not be valid: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}.`,
      { cause: overlay.error },
    );
  }
  if (Object.values(overlay.data.findings).every(({ basis }) => basis === 'model')) {
    throw new PipelineError(
      'request-invalid',
      `No finding could be fitted: each needs ${minPatients} patients with it and ${minPatients} without it.`,
    );
  }
  return overlay.data;
}

function summary(
  overlay: ModelOverlay,
  { matching, data }: LabelledScoreFile,
  out: string,
): string {
  const lines = Object.entries(overlay.findings).map(([key, finding]) => {
    const { threshold, crossValidated: found } = finding;
    const at = `${key}: threshold ${threshold.toPrecision(3)}`;
    if (found === undefined) {
      return `${at}, kept from the model (${finding.reason ?? ''})`;
    }
    const ece =
      found.ece10After === undefined
        ? ''
        : `, ECE ${found.ece10Before.toFixed(3)} to ${found.ece10After.toFixed(3)}`;
    return (
      `${at}, sensitivity ${found.sensitivity.value.toFixed(2)}, ` +
      `specificity ${found.specificity.value.toFixed(2)}${ece}`
    );
  });
  return [
    `${matching.matched} labelled images of ${data.patientCount} ` +
      `${matching.patientsKnown ? 'patients' : 'images, each counted as a patient'}; criterion ` +
      `${overlay.criterion}. Figures are cross-validated by patient:`,
    ...lines.map((line) => `  ${line}`),
    `Overlay: ${out}. To use it: PREREAD_MODEL_OVERLAY=${out}`,
  ].join('\n');
}
