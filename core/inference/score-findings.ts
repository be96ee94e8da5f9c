import { PipelineError } from '../errors.js';
import type { FindingScore } from '../results/finding-score.js';
import { calibratedProbability, sigmoid } from './calibration.js';
import type { ManifestFinding, ModelManifest } from './model-manifest.js';

/**
 * Logits of one image as the findings that may be shown: withheld ones are left out.
 *
 * @param logits shape [findings] in the manifest's order, before any sigmoid
 * @throws PipelineError `model-graph-mismatch` when their number is not the manifest's
 */
export function scoreFindings(manifest: ModelManifest, logits: readonly number[]): FindingScore[] {
  if (logits.length !== manifest.findings.length) {
    throw new PipelineError(
      'model-graph-mismatch',
      `${logits.length} logits for ${manifest.findings.length} findings`,
    );
  }
  return manifest.findings.flatMap((finding, index) =>
    finding.withheld === undefined
      ? [scoreFinding(finding, manifest.operatingPoint, logits[index]!)]
      : [],
  );
}

/**
 * TorchXRayVision's operating-point normalisation: 0 and 1 stay, the threshold becomes 0.5, linear on both
 * sides. Not a probability. Source: torchxrayvision models.py, `op_norm`.
 */
export function operatingPointScore(probability: number, threshold: number): number {
  return probability < threshold
    ? probability / (2 * threshold)
    : 1 - (1 - probability) / (2 * (1 - threshold));
}

function scoreFinding(
  finding: ManifestFinding,
  operatingPoint: string,
  logit: number,
): FindingScore {
  const probability = sigmoid(logit);
  const threshold = finding.thresholds[operatingPoint];
  if (threshold === undefined) {
    throw new PipelineError(
      'model-manifest-invalid',
      `no threshold for the operating point ${operatingPoint}`,
    );
  }
  const { key, display, codes, calibration, priority } = finding;
  return {
    key,
    display,
    codes,
    probability,
    operatingPointScore: operatingPointScore(probability, threshold),
    calibratedProbability: calibration && calibratedProbability(calibration, logit),
    threshold,
    flagged: probability >= threshold,
    priority,
  };
}
