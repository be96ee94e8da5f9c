const MAX_STEPS = 100;
const TOLERANCE = 1e-10;
/** Added to the diagonal of the Hessian, so that it can be inverted (Lin, Lin and Weng 2007). */
const RIDGE = 1e-12;

export interface LogisticLine {
  readonly slope: number;
  readonly intercept: number;
}

/**
 * The line for which sigmoid(slope * x + intercept) has the largest likelihood, by Newton's method with
 * step halving; undefined when there is none (one class only, or classes that a threshold separates).
 *
 * @param targets in [0, 1], one for each x
 */
export function fitLogistic(x: Float64Array, targets: Float64Array): LogisticLine | undefined {
  let slope = 0;
  let intercept = 0;
  let loss = logLoss(x, targets, slope, intercept);
  for (let step = 0; step < MAX_STEPS; step += 1) {
    const { gradient, hessian } = derivatives(x, targets, slope, intercept);
    const determinant = hessian.ss * hessian.ii - hessian.si ** 2;
    if (!(determinant > 0)) {
      return undefined;
    }
    const slopeStep = (hessian.ii * gradient.s - hessian.si * gradient.i) / determinant;
    const interceptStep = (hessian.ss * gradient.i - hessian.si * gradient.s) / determinant;
    let size = 1;
    let next = logLoss(x, targets, slope - slopeStep, intercept - interceptStep);
    while (next > loss && size > 1e-10) {
      size /= 2;
      next = logLoss(x, targets, slope - size * slopeStep, intercept - size * interceptStep);
    }
    slope -= size * slopeStep;
    intercept -= size * interceptStep;
    if (Math.abs(slopeStep) + Math.abs(interceptStep) < TOLERANCE || loss - next < 1e-14 * loss) {
      return { slope, intercept };
    }
    loss = next;
  }
  return undefined;
}

/**
 * Platt scaling: a logistic line on the logits, towards targets that are drawn in a little from 0 and 1,
 * so that it exists also for classes that do not overlap. Source: Platt 1999.
 */
export function fitPlatt(logits: Float64Array, positive: Uint8Array): LogisticLine | undefined {
  const positives = positive.reduce((sum, value) => sum + value, 0);
  const negatives = positive.length - positives;
  const targets = Float64Array.from(positive, (value) =>
    value === 1 ? (positives + 1) / (positives + 2) : 1 / (negatives + 2),
  );
  return fitLogistic(logits, targets);
}

function logLoss(x: Float64Array, targets: Float64Array, slope: number, intercept: number): number {
  let loss = 0;
  for (let index = 0; index < x.length; index += 1) {
    const z = slope * x[index]! + intercept;
    // log(1 + e^z) - t z, without overflow.
    loss += Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z))) - targets[index]! * z;
  }
  return loss;
}

function derivatives(x: Float64Array, targets: Float64Array, slope: number, intercept: number) {
  const gradient = { s: 0, i: 0 };
  const hessian = { ss: RIDGE, si: 0, ii: RIDGE };
  for (let index = 0; index < x.length; index += 1) {
    const value = x[index]!;
    const p = 1 / (1 + Math.exp(-(slope * value + intercept)));
    const error = p - targets[index]!;
    const weight = p * (1 - p);
    gradient.s += error * value;
    gradient.i += error;
    hessian.ss += weight * value * value;
    hessian.si += weight * value;
    hessian.ii += weight;
  }
  return { gradient, hessian };
}
