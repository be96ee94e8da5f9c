import { quantile, type Interval } from './interval.js';
import { ascendingOrder, type LabelledScores } from './labelled-scores.js';
import { seededRandom } from './seeded-random.js';

export interface BootstrapOptions {
  /** Patients of the whole data set. */
  readonly patientCount: number;
  readonly draws: number;
  readonly seed: number;
}

export interface BootstrapIntervals {
  /** For each finding, in the order given; undefined when a class is missing in most draws. */
  readonly findings: readonly (Interval | undefined)[];
  /** Of the mean over the findings. */
  readonly mean: Interval | undefined;
}

/**
 * 95 % percentile intervals of AUROCs: whole patients are drawn with replacement, so images of one
 * patient stay together. All findings see the same draws, which gives the interval of their mean.
 *
 * Cases are sorted once; a draw weights them and adds up the area in one pass. Draws without a positive or
 * without a negative are left out.
 */
export function patientBootstrap(
  findings: readonly LabelledScores[],
  { patientCount, draws, seed }: BootstrapOptions,
): BootstrapIntervals {
  const random = seededRandom(seed);
  const sorted = findings.map(sortCases);
  const areas = findings.map(() => new Float64Array(draws));
  const means = new Float64Array(draws);
  const weights = new Uint16Array(patientCount);
  for (let draw = 0; draw < draws; draw += 1) {
    weights.fill(0);
    for (let count = 0; count < patientCount; count += 1) {
      const patient = Math.floor(random() * patientCount);
      weights[patient] = weights[patient]! + 1;
    }
    let sum = 0;
    for (const [index, cases] of sorted.entries()) {
      const area = weightedAuroc(cases, weights);
      areas[index]![draw] = area;
      sum += area;
    }
    means[draw] = sum / findings.length;
  }
  return { findings: areas.map(percentileInterval), mean: percentileInterval(means) };
}

interface SortedCases {
  readonly positive: Uint8Array;
  readonly patients: Uint32Array;
  /** 1 at the last case of those with the same score. */
  readonly lastOfTie: Uint8Array;
}

function sortCases({ scores, positive, patients }: LabelledScores): SortedCases {
  const order = ascendingOrder(scores);
  return {
    positive: Uint8Array.from(order, (index) => positive[index]!),
    patients: Uint32Array.from(order, (index) => patients[index]!),
    lastOfTie: Uint8Array.from(order, (index, rank) =>
      rank + 1 < order.length && scores[order[rank + 1]!] === scores[index] ? 0 : 1,
    ),
  };
}

/** NaN when a class is missing. */
function weightedAuroc(
  { positive, patients, lastOfTie }: SortedCases,
  weights: Uint16Array,
): number {
  let area = 0;
  let negatives = 0;
  let positives = 0;
  let tiedNegatives = 0;
  let tiedPositives = 0;
  for (let index = 0; index < positive.length; index += 1) {
    const weight = weights[patients[index]!]!;
    if (positive[index] === 1) {
      tiedPositives += weight;
    } else {
      tiedNegatives += weight;
    }
    if (lastOfTie[index] === 1) {
      area += tiedPositives * (negatives + tiedNegatives / 2);
      negatives += tiedNegatives;
      positives += tiedPositives;
      tiedNegatives = 0;
      tiedPositives = 0;
    }
  }
  return area / (positives * negatives);
}

/** Undefined when fewer than nine draws in ten gave a number. */
function percentileInterval(values: Float64Array): Interval | undefined {
  const known = values.filter((value) => !Number.isNaN(value)).sort();
  return known.length < 0.9 * values.length
    ? undefined
    : [quantile(known, 0.025), quantile(known, 0.975)];
}
