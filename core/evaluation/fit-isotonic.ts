import type { IsotonicCalibration } from '../inference/calibration.js';
import { ascendingOrder } from './labelled-scores.js';

interface Block {
  firstLogit: number;
  lastLogit: number;
  weight: number;
  mean: number;
}

/**
 * The non-decreasing function of the logit with the least squared error, by pool-adjacent-violators.
 * Each level is given by the logits of its ends; between levels it is linear, outside constant.
 * Source: Zadrozny and Elkan 2002; the same function as scikit-learn's IsotonicRegression.
 */
export function fitIsotonic(logits: Float64Array, positive: Uint8Array): IsotonicCalibration {
  const blocks: Block[] = [];
  for (const { logit, weight, mean } of distinctLogits(logits, positive)) {
    blocks.push({ firstLogit: logit, lastLogit: logit, weight, mean });
    for (;;) {
      const last = blocks.at(-1);
      const previous = blocks.at(-2);
      if (last === undefined || previous === undefined || previous.mean < last.mean) {
        break;
      }
      blocks.pop();
      const total = previous.weight + last.weight;
      previous.mean = (previous.mean * previous.weight + last.mean * last.weight) / total;
      previous.weight = total;
      previous.lastLogit = last.lastLogit;
    }
  }
  const ends = blocks.flatMap(({ firstLogit, lastLogit, mean }) =>
    firstLogit === lastLogit
      ? [[firstLogit, mean] as const]
      : [[firstLogit, mean] as const, [lastLogit, mean] as const],
  );
  return {
    method: 'isotonic',
    logits: ends.map(([logit]) => logit),
    probabilities: ends.map(([, probability]) => Math.min(1, Math.max(0, probability))),
  };
}

/** Cases with the same logit as one, from the lowest logit up. */
function distinctLogits(logits: Float64Array, positive: Uint8Array) {
  const distinct: { logit: number; weight: number; mean: number }[] = [];
  for (const index of ascendingOrder(logits)) {
    const logit = logits[index]!;
    const last = distinct.at(-1);
    if (last?.logit === logit) {
      last.mean = (last.mean * last.weight + positive[index]!) / (last.weight + 1);
      last.weight += 1;
    } else {
      distinct.push({ logit, weight: 1, mean: positive[index]! });
    }
  }
  return distinct;
}
