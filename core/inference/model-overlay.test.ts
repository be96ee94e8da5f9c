import { describe, expect, it } from 'vitest';

import { tinyModel } from '../../test/support/tiny-model.js';
import { applyOverlay, modelText, type ModelOverlay } from './model-overlay.js';
import { scoreFindings } from './score-findings.js';

const { manifest } = tinyModel({ findings: ['Effusion', 'Nodule'] });
const REFERENCE = { name: 'site', version: '1.2.0', sha256: 'f'.repeat(64) };

function overlay(changes: Partial<ModelOverlay> = {}): ModelOverlay {
  return {
    schemaVersion: 1,
    name: 'site',
    version: '1.2.0',
    model: { name: 'tiny', version: '1.0.0', sha256: manifest.file.sha256 },
    criterion: 'youden',
    calibrationMethod: 'isotonic',
    fittedOn: {
      images: 1,
      patients: 1,
      patientsKnown: true,
      folds: 5,
      seed: 1,
      labelsSha256: '',
      softwareVersion: '0',
    },
    findings: {
      Effusion: {
        threshold: 0.8,
        basis: 'site',
        calibration: { method: 'isotonic', logits: [0, 2], probabilities: [0.1, 0.4] },
      },
      Nodule: { threshold: 0.5, basis: 'model' },
    },
    ...changes,
  };
}

describe('an overlay', () => {
  it('replaces thresholds and calibration, also of the scores that come out', () => {
    const site = applyOverlay(manifest, overlay(), REFERENCE);
    expect(site.operatingPoint).toBe('site@1.2.0');
    expect(modelText(site)).toBe('tiny@1.0.0+site@1.2.0');
    // sigmoid(1) = 0.73: flagged by the model, not at the site.
    const [effusion, nodule] = scoreFindings(site, [1, 1]);
    expect(effusion).toMatchObject({ threshold: 0.8, flagged: false, calibratedProbability: 0.25 });
    expect(nodule).toMatchObject({ threshold: 0.5, flagged: true });
    expect(scoreFindings(manifest, [1, 1])[0]).toMatchObject({ threshold: 0.5, flagged: true });
  });

  it('of other weights is refused', () => {
    const other = overlay({ model: { ...overlay().model, sha256: '0'.repeat(64) } });
    expect(() => applyOverlay(manifest, other, REFERENCE)).toThrow(
      expect.objectContaining({ code: 'model-overlay-mismatch' }),
    );
  });

  it('that is silent on a finding, or names one that is not there, is refused', () => {
    const { Effusion, Nodule } = overlay().findings;
    const silent = overlay({ findings: { Effusion: Effusion! } });
    expect(() => applyOverlay(manifest, silent, REFERENCE)).toThrow(
      'nothing of the finding Nodule',
    );
    const more = overlay({ findings: { Effusion: Effusion!, Nodule: Nodule!, Mass: Nodule! } });
    expect(() => applyOverlay(manifest, more, REFERENCE)).toThrow('does not have: Mass');
  });
});
