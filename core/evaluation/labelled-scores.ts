/** The cases of one finding whose label is known. All arrays have the same length. */
export interface LabelledScores {
  /** Probabilities in [0, 1]; any order is fine. */
  readonly scores: Float64Array;
  /** 1 where the finding is there, else 0. */
  readonly positive: Uint8Array;
  /** Number of the patient, from 0, the same for all findings of a data set. */
  readonly patients: Uint32Array;
}

export function countPositives({ positive }: Pick<LabelledScores, 'positive'>): number {
  let count = 0;
  for (const value of positive) {
    count += value;
  }
  return count;
}

/** Positions of the values from the lowest to the highest; equal values keep their order. */
export function ascendingOrder(values: Float64Array): Uint32Array {
  const order = new Uint32Array(values.length).map((_, index) => index);
  return order.sort((a, b) => values[a]! - values[b]! || a - b);
}
/** The cases at some positions, in that order. */
export function selectCases(
  cases: LabelledScores,
  positions: Uint32Array | readonly number[],
): LabelledScores {
  const at = Uint32Array.from(positions);
  return {
    scores: Float64Array.from(at, (position) => cases.scores[position]!),
    positive: Uint8Array.from(at, (position) => cases.positive[position]!),
    patients: Uint32Array.from(at, (position) => cases.patients[position]!),
  };
}
