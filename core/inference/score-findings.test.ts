import { describe, expect, it } from 'vitest';

import { sigmoid } from './calibration.js';
import type { ManifestFinding, ModelManifest } from './model-manifest.js';
import { operatingPointScore, scoreFindings } from './score-findings.js';

describe('operatingPointScore', () => {
  // Computed with TorchXRayVision's op_norm.
  it.each([
    [0.05, 0.10324661, 0.2421387],
    [0.2, 0.10324661, 0.55394649],
    [0.009, 0.0098118475, 0.45862922],
    [0.5, 0.0098118475, 0.74752273],
  ])('of %f at the threshold %f is %f', (probability, threshold, expected) => {
    expect(operatingPointScore(probability, threshold)).toBeCloseTo(expected, 7);
  });
});

describe('scoreFindings', () => {
  it('flags from the threshold on', () => {
    const [below, at] = scoreFindings(manifest([finding('A'), finding('B')]), [-0.01, 0]);
    expect(below).toMatchObject({ key: 'A', flagged: false });
    expect(at).toMatchObject({
      key: 'B',
      flagged: true,
      probability: 0.5,
      operatingPointScore: 0.5,
    });
  });

  it('leaves withheld findings out and keeps the order of the logits', () => {
    const findings = [finding('A', { withheld: 'too weak' }), finding('B')];
    expect(scoreFindings(manifest(findings), [9, 1])).toMatchObject([
      { key: 'B', probability: sigmoid(1) },
    ]);
  });

  it('gives a calibrated probability where the model has a calibration', () => {
    const calibration = { method: 'platt', slope: 2, intercept: -1 } as const;
    const [scored] = scoreFindings(manifest([finding('A', { calibration })]), [0.75]);
    expect(scored?.calibratedProbability).toBeCloseTo(sigmoid(0.5), 12);
  });

  it('refuses logits of another number', () => {
    expect(() => scoreFindings(manifest([finding('A')]), [])).toThrow(/0 logits for 1 findings/);
  });
});

function finding(key: string, more: Partial<ManifestFinding> = {}): ManifestFinding {
  return {
    key,
    display: { en: key, vi: key },
    codes: [],
    thresholds: { youden: 0.5 },
    priority: 'routine',
    ...more,
  };
}

function manifest(findings: ManifestFinding[]): ModelManifest {
  return { operatingPoint: 'youden', findings } as unknown as ModelManifest;
}
