import { ascendingOrder, countPositives, type LabelledScores } from './labelled-scores.js';

export interface CurvePoint {
  readonly x: number;
  readonly y: number;
}

export interface Curves {
  /** x: 1 - specificity, y: sensitivity; from (0, 0) to (1, 1). */
  readonly roc: readonly CurvePoint[];
  /** x: sensitivity (recall), y: positive predictive value (precision); from the highest score down. */
  readonly precisionRecall: readonly CurvePoint[];
  /** Sum of (R_n - R_(n-1)) P_n over the thresholds, without interpolation (as scikit-learn's). */
  readonly averagePrecision: number;
}

/** ROC and precision-recall curve, one point for each distinct score. Both classes must be there. */
export function curvesOf(cases: Pick<LabelledScores, 'scores' | 'positive'>): Curves {
  const { scores, positive } = cases;
  const order = ascendingOrder(scores).reverse();
  const positives = countPositives(cases);
  const negatives = positive.length - positives;
  const roc: CurvePoint[] = [{ x: 0, y: 0 }];
  const precisionRecall: CurvePoint[] = [];
  let truePositives = 0;
  let averagePrecision = 0;
  let recall = 0;
  for (const [rank, index] of order.entries()) {
    truePositives += positive[index]!;
    const next = order[rank + 1];
    if (next !== undefined && scores[next] === scores[index]) {
      continue;
    }
    const sensitivity = truePositives / positives;
    const precision = truePositives / (rank + 1);
    roc.push({ x: (rank + 1 - truePositives) / negatives, y: sensitivity });
    precisionRecall.push({ x: sensitivity, y: precision });
    averagePrecision += (sensitivity - recall) * precision;
    recall = sensitivity;
  }
  return { roc, precisionRecall, averagePrecision };
}

/**
 * A curve for a plot: points that lie within `tolerance` of the last one that was kept are left out, the
 * ends stay. Ten thousand points on 300 pixels are the same picture and a hundred times the file.
 */
export function thinCurve(points: readonly CurvePoint[], tolerance = 0.004): CurvePoint[] {
  const kept: CurvePoint[] = [];
  for (const [index, point] of points.entries()) {
    const last = kept.at(-1);
    if (
      last === undefined ||
      index === points.length - 1 ||
      Math.hypot(point.x - last.x, point.y - last.y) >= tolerance
    ) {
      kept.push(point);
    }
  }
  return kept;
}
