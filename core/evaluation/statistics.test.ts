import { describe, expect, it } from 'vitest';

import {
  brierScore,
  calibrationError,
  calibrationFigures,
  reliabilityBins,
} from './calibration-figures.js';
import { curvesOf, thinCurve } from './curves.js';
import { deLongAuroc } from './delong.js';
import { wilsonInterval } from './interval.js';
import type { LabelledScores } from './labelled-scores.js';
import { confusionAt, operatingPointFigures } from './operating-point.js';
import { patientBootstrap } from './patient-bootstrap.js';
import { seededRandom } from './seeded-random.js';

/** So many cases of each rating, each of a patient of its own. */
function rated(positives: readonly number[], negatives: readonly number[]): LabelledScores {
  const cases = [...positives.entries(), ...negatives.entries()].flatMap(([rating, count], at) =>
    Array.from({ length: count }, () => [rating / 10, at < positives.length ? 1 : 0] as const),
  );
  return {
    scores: Float64Array.from(cases, ([score]) => score),
    positive: Uint8Array.from(cases, ([, positive]) => positive),
    patients: Uint32Array.from(cases, (_, index) => index),
  };
}

/** 109 CT images in five ratings. Source: Hanley and McNeil 1982, Radiology 143:29-36, table 1. */
const HANLEY_MCNEIL = rated([3, 2, 2, 11, 33], [33, 6, 6, 11, 2]);

describe('deLongAuroc', () => {
  it('is that of the published example', () => {
    // Stata's manual, roctab, on the same data: area 0.8932, standard error 0.0307.
    const found = deLongAuroc(HANLEY_MCNEIL);
    expect(found?.auroc).toBeCloseTo(0.8932, 4);
    expect(found?.standardError).toBeCloseTo(0.0307, 4);
  });

  it('keeps its interval inside 0..1, and has none without any overlap of the classes', () => {
    const nearly = deLongAuroc(rated([0, 1, 0, 9], [9, 0, 1, 0]));
    expect(nearly?.interval?.[0]).toBeGreaterThan(0);
    expect(nearly?.interval?.[1]).toBeLessThan(1);
    expect(deLongAuroc(rated([0, 9], [9, 0]))).toEqual({
      auroc: 1,
      standardError: 0,
      interval: undefined,
    });
  });

  it('does not exist with fewer than two cases of a class', () => {
    expect(deLongAuroc(rated([0, 1], [5, 5]))).toBeUndefined();
    expect(deLongAuroc(rated([4, 4], [0, 0]))).toBeUndefined();
  });
});

describe('wilsonInterval', () => {
  // Newcombe 1998, Statistics in Medicine 17:857-872, table I, method 3.
  it.each([
    [81, 263, 0.2553, 0.3662],
    [15, 148, 0.0624, 0.1605],
    [0, 20, 0, 0.1611],
    [1, 29, 0.0061, 0.1718],
  ])('of %i in %i is that of the published table', (hits, total, low, high) => {
    const [below, above] = wilsonInterval(hits, total) ?? [NaN, NaN];
    expect(below).toBeCloseTo(low, 4);
    expect(above).toBeCloseTo(high, 4);
  });

  it('ends at 1 when all hit, and does not exist for none', () => {
    expect(wilsonInterval(20, 20)?.[1]).toBe(1);
    expect(wilsonInterval(0, 0)).toBeUndefined();
  });
});

describe('patientBootstrap', () => {
  const options = { patientCount: 109, draws: 2000, seed: 7 };

  it('agrees with DeLong where every patient has one image', () => {
    const { findings, mean } = patientBootstrap([HANLEY_MCNEIL], options);
    const [low, high] = findings[0] ?? [NaN, NaN];
    // Percentile against symmetric normal: 0.8932 -+ 1.96 * 0.0307 = 0.833..0.953.
    expect(low).toBeCloseTo(0.833, 1);
    expect(Math.abs(low - 0.833)).toBeLessThan(0.012);
    expect(Math.abs(high - 0.953)).toBeLessThan(0.012);
    expect(mean).toEqual(findings[0]);
  });

  it('gives the same numbers for the same seed only', () => {
    const first = patientBootstrap([HANLEY_MCNEIL], options);
    expect(patientBootstrap([HANLEY_MCNEIL], options)).toEqual(first);
    expect(patientBootstrap([HANLEY_MCNEIL], { ...options, seed: 8 })).not.toEqual(first);
  });

  it('is wider when images belong to fewer patients, and does not narrow with copies of images', () => {
    const single = patientBootstrap([HANLEY_MCNEIL], options).findings[0] ?? [0, 0];
    const fourfold = {
      scores: Float64Array.from([0, 1, 2, 3].flatMap(() => [...HANLEY_MCNEIL.scores])),
      positive: Uint8Array.from([0, 1, 2, 3].flatMap(() => [...HANLEY_MCNEIL.positive])),
      patients: Uint32Array.from([0, 1, 2, 3].flatMap(() => [...HANLEY_MCNEIL.patients])),
    };
    const copied = patientBootstrap([fourfold], options).findings[0] ?? [0, 0];
    expect(copied[0]).toBeCloseTo(single[0], 12);
    expect(copied[1]).toBeCloseTo(single[1], 12);
    const naive = deLongAuroc(fourfold)?.interval ?? [0, 1];
    expect(naive[1] - naive[0]).toBeLessThan(0.6 * (copied[1] - copied[0]));
  });

  it('gives no interval when draws mostly lack a class', () => {
    const cases = rated([1, 0], [3, 0]);
    expect(patientBootstrap([cases], { patientCount: 4, draws: 50, seed: 1 })).toEqual({
      findings: [undefined],
      mean: undefined,
    });
  });
});

describe('curvesOf', () => {
  const cases = {
    scores: Float64Array.of(0.1, 0.4, 0.35, 0.8),
    positive: Uint8Array.of(0, 0, 1, 1),
  };

  it('gives the curves and the average precision of the example in the manual of scikit-learn', () => {
    const { roc, averagePrecision } = curvesOf(cases);
    expect(averagePrecision).toBeCloseTo(0.83333, 5);
    expect(roc).toEqual([
      { x: 0, y: 0 },
      { x: 0, y: 0.5 },
      { x: 0.5, y: 0.5 },
      { x: 0.5, y: 1 },
      { x: 1, y: 1 },
    ]);
  });

  it('has one point for tied scores', () => {
    expect(curvesOf(HANLEY_MCNEIL).roc).toHaveLength(6);
  });

  it('keeps its ends when it is thinned for a plot', () => {
    const points = Array.from({ length: 10_001 }, (_, index) => ({
      x: index / 10_000,
      y: index / 10_000,
    }));
    const thin = thinCurve(points);
    expect(thin.length).toBeLessThan(400);
    expect([thin[0], thin.at(-1)]).toEqual([points[0], points.at(-1)]);
  });
});

describe('figures at an operating point', () => {
  it('count a score at the threshold as flagged', () => {
    const confusion = confusionAt(HANLEY_MCNEIL, 0.3);
    expect(confusion).toEqual({
      truePositives: 44,
      falsePositives: 13,
      trueNegatives: 45,
      falseNegatives: 7,
    });
    const figures = operatingPointFigures(confusion);
    expect(figures.sensitivity.value).toBeCloseTo(44 / 51, 12);
    expect(figures.specificity.value).toBeCloseTo(45 / 58, 12);
    expect(figures.positivePredictiveValue).toMatchObject({ hits: 44, total: 57 });
    expect(figures.negativePredictiveValue).toMatchObject({ hits: 45, total: 52 });
    expect(figures.prevalence).toMatchObject({ hits: 51, total: 109 });
  });

  it('say that a share of nothing is unknown', () => {
    const figures = operatingPointFigures(confusionAt(HANLEY_MCNEIL, 0.9));
    expect(figures.positivePredictiveValue).toMatchObject({ total: 0, value: undefined });
  });
});

describe('calibration', () => {
  it('has the Brier score of the example in the manual of scikit-learn', () => {
    const cases = {
      scores: Float64Array.of(0.1, 0.9, 0.8, 0.3),
      positive: Uint8Array.of(0, 1, 1, 0),
    };
    expect(brierScore(cases)).toBeCloseTo(0.0375, 12);
  });

  it('has the error that is counted by hand', () => {
    // Two bins: (.2, .4 | one positive of two) and (.5, .9 | two of two): |.5-.3|/2 + |1-.7|/2.
    const cases = {
      scores: Float64Array.of(0.2, 0.4, 0.5, 0.9),
      positive: Uint8Array.of(0, 1, 1, 1),
    };
    const bins = reliabilityBins(cases, 2);
    expect(bins.map((bin) => bin.cases)).toEqual([2, 2]);
    expect(calibrationError(bins)).toBeCloseTo(0.25, 12);
  });

  it('has the slope 2 where the log-odds are half of what they should be', () => {
    const random = seededRandom(5);
    const logits = Float64Array.from({ length: 20_000 }, () => 4 * random() - 2);
    const cases = {
      scores: logits.map((logit) => 1 / (1 + Math.exp(-logit))),
      positive: Uint8Array.from(logits, (x) => (random() < 1 / (1 + Math.exp(-2 * x)) ? 1 : 0)),
    };
    const { slope, intercept } = calibrationFigures(cases);
    // Three standard errors of a fit to so many cases.
    expect(Math.abs((slope ?? 0) - 2)).toBeLessThan(0.1);
    expect(Math.abs(intercept ?? 1)).toBeLessThan(0.06);
  });

  it('has no slope where there is one class only', () => {
    const cases = { scores: Float64Array.of(0.1, 0.4), positive: Uint8Array.of(0, 0) };
    expect(calibrationFigures(cases).slope).toBeUndefined();
  });

  it('puts a probability of 1 into the last bin', () => {
    const bins = reliabilityBins({ scores: Float64Array.of(1), positive: Uint8Array.of(1) }, 10);
    expect(bins[9]).toMatchObject({ cases: 1, positives: 1 });
    expect(bins[0]?.observed).toBeUndefined();
  });
});

describe('seededRandom', () => {
  it('is even over 0..1', () => {
    const random = seededRandom(1);
    const counts = new Array<number>(10).fill(0);
    for (let draw = 0; draw < 100_000; draw += 1) {
      counts[Math.floor(random() * 10)]! += 1;
    }
    // Ten thousand each; six standard deviations are 570.
    expect(Math.max(...counts.map((count) => Math.abs(count - 10_000)))).toBeLessThan(570);
  });
});
