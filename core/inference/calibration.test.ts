import { describe, expect, it } from 'vitest';

import { calibratedProbability, calibrationSchema, logitOf, sigmoid } from './calibration.js';

describe('calibratedProbability', () => {
  it('of a Platt calibration is a logistic line', () => {
    const platt = { method: 'platt', slope: 2, intercept: -1 } as const;
    expect(calibratedProbability(platt, 0.5)).toBe(0.5);
  });

  it('of an isotonic one is linear between its points and constant outside', () => {
    const isotonic = {
      method: 'isotonic' as const,
      logits: [-2, 0, 0.5, 4],
      probabilities: [0.1, 0.3, 0.3, 0.8],
    };
    const at = (logit: number) => calibratedProbability(isotonic, logit);
    expect([-9, -2, -1, 0, 0.25, 4, 9].map(at)).toEqual([0.1, 0.1, 0.2, 0.3, 0.3, 0.8, 0.8]);
    expect(at(2.25)).toBeCloseTo(0.55, 12);
  });
});

describe('logitOf', () => {
  it('is the inverse of the sigmoid and finite at the ends', () => {
    expect(logitOf(sigmoid(-3.25))).toBeCloseTo(-3.25, 12);
    expect(logitOf(0)).toBeGreaterThan(-30);
    expect(logitOf(1)).toBeLessThan(30);
  });
});

describe('calibrationSchema', () => {
  it.each([
    [{ method: 'isotonic', logits: [0, 0], probabilities: [0, 1] }, 'logits must increase'],
    [{ method: 'isotonic', logits: [0, 1], probabilities: [0.5, 0.4] }, 'must not decrease'],
    [{ method: 'isotonic', logits: [0, 1], probabilities: [0.5] }, 'equally many'],
  ])('refuses %j', (calibration, message) => {
    const parsed = calibrationSchema.safeParse(calibration);
    expect(parsed.error?.issues.map((issue) => issue.message).join()).toContain(message);
  });
});
