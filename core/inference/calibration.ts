import { z } from 'zod';

/** Probabilities nearer than this to 0 or 1 are taken as this far from them: their logit is finite. */
const EDGE = 1e-12;

const plattSchema = z
  .strictObject({ method: z.literal('platt'), slope: z.number(), intercept: z.number() })
  .describe('Calibrated probability = sigmoid(slope * logit + intercept).');

const isotonicSchema = z
  .strictObject({
    method: z.literal('isotonic'),
    logits: z.array(z.number()).min(1).describe('Strictly increasing.'),
    probabilities: z.array(z.number().min(0).max(1)).min(1).describe('Never decreasing.'),
  })
  .refine(({ logits, probabilities }) => logits.length === probabilities.length, {
    message: 'logits and probabilities must be equally many',
  })
  .refine(({ logits }) => logits.every((logit, at) => at === 0 || logit > logits[at - 1]!), {
    message: 'logits must increase',
    path: ['logits'],
  })
  .refine(({ probabilities: p }) => p.every((value, at) => at === 0 || value >= p[at - 1]!), {
    message: 'probabilities must not decrease',
    path: ['probabilities'],
  })
  .describe('Linear between the given logits, constant outside.');

/** How a model's output becomes a probability of the finding in the population that it was fitted on. */
export const calibrationSchema = z
  .discriminatedUnion('method', [plattSchema, isotonicSchema])
  .describe('From the logit to a calibrated probability, fitted on patients not trained on.');

export type Calibration = z.infer<typeof calibrationSchema>;
export type IsotonicCalibration = Extract<Calibration, { method: 'isotonic' }>;

/** The logistic function. Units: none, in (0, 1). */
export function sigmoid(logit: number): number {
  return 1 / (1 + Math.exp(-logit));
}

/** The inverse of `sigmoid`. Finite also for 0 and 1. */
export function logitOf(probability: number): number {
  const inside = Math.min(1 - EDGE, Math.max(EDGE, probability));
  return Math.log(inside / (1 - inside));
}

export function calibratedProbability(calibration: Calibration, logit: number): number {
  switch (calibration.method) {
    case 'platt':
      return sigmoid(calibration.slope * logit + calibration.intercept);
    case 'isotonic':
      return interpolate(calibration.logits, calibration.probabilities, logit);
  }
}

/** Piecewise linear through (xs, ys), constant outside. */
function interpolate(xs: readonly number[], ys: readonly number[], x: number): number {
  let low = 0;
  let high = xs.length - 1;
  if (x <= xs[low]!) {
    return ys[low]!;
  }
  if (x >= xs[high]!) {
    return ys[high]!;
  }
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (xs[middle]! <= x) {
      low = middle;
    } else {
      high = middle;
    }
  }
  const share = (x - xs[low]!) / (xs[high]! - xs[low]!);
  return ys[low]! + share * (ys[high]! - ys[low]!);
}
