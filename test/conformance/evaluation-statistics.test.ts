import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { expect, it } from 'vitest';

import {
  brierScore,
  calibrationError,
  reliabilityBins,
} from '../../core/evaluation/calibration-figures.js';
import { curvesOf } from '../../core/evaluation/curves.js';
import { deLongAuroc } from '../../core/evaluation/delong.js';
import { fitIsotonic } from '../../core/evaluation/fit-isotonic.js';
import { fitPlatt } from '../../core/evaluation/fit-logistic.js';
import { seededRandom } from '../../core/evaluation/seeded-random.js';
import { calibratedProbability, logitOf } from '../../core/inference/calibration.js';
import { describeWithPeer } from '../support/peers.js';

const SCRIPT = fileURLToPath(new URL('../support/sklearn_figures.py', import.meta.url));

interface PeerFigures {
  readonly auroc: number;
  readonly delongAuroc: number;
  readonly delongVariance: number;
  readonly averagePrecision: number;
  readonly brier: number;
  readonly ece10: number;
  readonly ece15: number;
  readonly platt: readonly [slope: number, intercept: number];
  readonly isotonic: readonly number[];
}

/** Scores that rise with the label, noisy; rounded to two digits they have many ties. */
function cases(count: number, seed: number, digits: number) {
  const random = seededRandom(seed);
  const positive = Uint8Array.from({ length: count }, () => (random() < 0.25 ? 1 : 0));
  const scores = Float64Array.from(positive, (label) => {
    const noise = (random() + random() + random() - 1.5) * 2;
    const score = 1 / (1 + Math.exp(1 - label * 1.2 - noise));
    return Math.min(0.99, Math.max(0.01, Number(score.toFixed(digits))));
  });
  return { scores, positive };
}

describeWithPeer('sklearn', 'statistics of an evaluation', (peer) => {
  it.each([
    [60, 1, 12],
    [800, 2, 12],
    [800, 3, 2],
    [2000, 4, 1],
  ])('of %i cases (seed %i, %i digits) equal those of scikit-learn', (count, seed, digits) => {
    const { scores, positive } = cases(count, seed, digits);
    const probes = Array.from({ length: 41 }, (_, index) => -5 + index / 4);
    const answer = execFileSync(peer.program('/usr/bin/python3'), [SCRIPT], {
      input: JSON.stringify({ scores: [...scores], labels: [...positive], probes }),
      encoding: 'utf8',
    });
    const peerFigures = JSON.parse(answer) as PeerFigures;
    const found = deLongAuroc({ scores, positive });
    expect(found?.auroc).toBeCloseTo(peerFigures.auroc, 12);
    expect(found?.auroc).toBeCloseTo(peerFigures.delongAuroc, 12);
    expect((found?.standardError ?? 0) ** 2 / peerFigures.delongVariance).toBeCloseTo(1, 9);
    const { averagePrecision } = curvesOf({ scores, positive });
    expect(averagePrecision).toBeCloseTo(peerFigures.averagePrecision, 12);
    expect(brierScore({ scores, positive })).toBeCloseTo(peerFigures.brier, 12);
    for (const [bins, expected] of [
      [10, peerFigures.ece10],
      [15, peerFigures.ece15],
    ] as const) {
      const error = calibrationError(reliabilityBins({ scores, positive }, bins));
      expect(error).toBeCloseTo(expected, 12);
    }
    const logits = scores.map(logitOf);
    // scikit-learn stops its minimiser early: its coefficients are good to about four digits.
    const platt = fitPlatt(logits, positive);
    expect(platt?.slope).toBeCloseTo(peerFigures.platt[0], 3);
    expect(platt?.intercept).toBeCloseTo(peerFigures.platt[1], 3);
    const isotonic = fitIsotonic(logits, positive);
    for (const [index, expected] of peerFigures.isotonic.entries()) {
      expect(calibratedProbability(isotonic, probes[index] ?? NaN)).toBeCloseTo(expected, 9);
    }
  });
});
