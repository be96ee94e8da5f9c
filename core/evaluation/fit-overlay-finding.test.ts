import { describe, expect, it } from 'vitest';

import { fitThreshold, parseCriterion, criterionText } from './fit-operating-point.js';
import { fitOverlayFinding, patientFolds, type FitOptions } from './fit-overlay-finding.js';
import type { LabelledScores } from './labelled-scores.js';
import { confusionAt, operatingPointFigures } from './operating-point.js';
import { seededRandom } from './seeded-random.js';

/** Two images a patient; log-odds are twice as strong as they should be. */
function overconfident(patients: number): LabelledScores {
  const random = seededRandom(3);
  const logits = Array.from({ length: 2 * patients }, () => 3 * random() - 2);
  return {
    scores: Float64Array.from(logits, (logit) => 1 / (1 + Math.exp(-2 * logit))),
    positive: Uint8Array.from(logits, (logit) => (random() < 1 / (1 + Math.exp(-logit)) ? 1 : 0)),
    patients: Uint32Array.from(logits, (_, index) => Math.floor(index / 2)),
  };
}

describe('fitThreshold', () => {
  const cases = {
    scores: Float64Array.of(0.1, 0.2, 0.3, 0.4, 0.5, 0.6),
    positive: Uint8Array.of(0, 0, 1, 0, 1, 1),
  };

  it.each([
    // 2/3 at both 0.45 and 0.25: the higher one is taken.
    ['youden', 0.45],
    ['sensitivity>=0.6', 0.45],
    ['sensitivity>=0.9', 0.25],
    ['specificity>=0.9', 0.45],
    ['specificity>=0.6', 0.25],
    ['flag-rate<=0.5', 0.35],
    ['flag-rate<=0.1', 0.8],
  ])('by %s is %f', (criterion, expected) => {
    const threshold = fitThreshold(cases, parseCriterion(criterion));
    expect(threshold).toBeCloseTo(expected, 12);
  });

  it('does not part equal scores', () => {
    const tied = { scores: Float64Array.of(0.2, 0.4, 0.4), positive: Uint8Array.of(0, 0, 1) };
    expect(fitThreshold(tied, parseCriterion('flag-rate<=0.5'))).toBeGreaterThan(0.4);
  });

  it('keeps its criterion on the data that it was fitted on', () => {
    const many = overconfident(500);
    for (const bound of [0.5, 0.8, 0.95]) {
      const at = (text: string) =>
        operatingPointFigures(confusionAt(many, fitThreshold(many, parseCriterion(text))));
      expect(at(`sensitivity>=${bound}`).sensitivity.value).toBeGreaterThanOrEqual(bound);
      expect(at(`specificity>=${bound}`).specificity.value).toBeGreaterThanOrEqual(bound);
      expect(at(`flag-rate<=${bound}`).flagRate.value).toBeLessThanOrEqual(bound);
    }
  });
});

describe('parseCriterion', () => {
  it('reads what it writes', () => {
    for (const text of ['youden', 'sensitivity>=0.95', 'specificity>=0.9', 'flag-rate<=0.1']) {
      expect(criterionText(parseCriterion(text))).toBe(text);
    }
  });

  it.each(['', 'f1', 'sensitivity<=0.9', 'flag-rate>=0.1', 'sensitivity>=1', 'sensitivity>=90'])(
    'refuses "%s"',
    (text) => {
      expect(() => parseCriterion(text)).toThrow('The criterion is');
    },
  );
});

describe('fitOverlayFinding', () => {
  const cases = overconfident(400);
  const options: FitOptions = {
    criterion: parseCriterion('sensitivity>=0.9'),
    method: 'platt',
    minPatients: 20,
    folds: 5,
    foldOfPatient: patientFolds(400, 5, 1),
  };
  const ofModel = { threshold: 0.3, calibration: undefined };

  it.each(['platt', 'isotonic'] as const)('makes probabilities true (%s)', (method) => {
    const { basis, crossValidated: found } = fitOverlayFinding(cases, ofModel, {
      ...options,
      method,
    });
    expect(basis).toBe('site');
    expect(found?.ece10After).toBeLessThan(0.6 * (found?.ece10Before ?? 0));
    expect(found?.brierAfter).toBeLessThan(found?.brierBefore ?? 0);
  });

  it('recovers the line that undoes the overconfidence', () => {
    const { calibration } = fitOverlayFinding(cases, ofModel, options);
    expect(calibration?.method).toBe('platt');
    const slope = calibration?.method === 'platt' ? calibration.slope : Number.NaN;
    // A standard error of the slope is about 0.05 here.
    expect(Math.abs(slope - 0.5)).toBeLessThan(0.15);
  });

  it('judges each image by what never saw its patient: random labels get no flattery', () => {
    const random = seededRandom(9);
    const noise = { ...cases, positive: cases.positive.map(() => (random() < 0.3 ? 1 : 0)) };
    const criterion = parseCriterion('youden');
    const { crossValidated: found } = fitOverlayFinding(noise, ofModel, { ...options, criterion });
    const youden = (found?.sensitivity.value ?? 0) + (found?.specificity.value ?? 0) - 1;
    expect(Math.abs(youden)).toBeLessThan(0.12);
  });

  it("keeps the model's own with too few patients, however many images they have", () => {
    const few = { ...cases, patients: cases.patients.map((patient) => patient % 15) };
    expect(fitOverlayFinding(few, ofModel, options)).toEqual({
      threshold: 0.3,
      basis: 'model',
      reason: expect.stringContaining('20 of each are needed') as string,
    });
  });

  it('has folds of equal size that a seed determines', () => {
    const sizes = new Array<number>(5).fill(0);
    for (const fold of options.foldOfPatient) {
      sizes[fold]! += 1;
    }
    expect(sizes).toEqual([80, 80, 80, 80, 80]);
    expect(patientFolds(400, 5, 1)).toEqual(options.foldOfPatient);
    expect(patientFolds(400, 5, 2)).not.toEqual(options.foldOfPatient);
  });
});
