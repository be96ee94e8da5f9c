import { UNKNOWN } from './label-values.js';
import type { LabelledScores } from './labelled-scores.js';

/** Scores and labels of one finding. All arrays have one value for each image. */
export interface FindingColumn {
  readonly key: string;
  readonly title: string;
  /** Why the finding is never shown, if so. */
  readonly withheld: string | undefined;
  /** Raw probability from which it is flagged: fixed before these labels were seen. */
  readonly threshold: number;
  readonly probabilities: Float64Array;
  readonly calibrated: Float64Array | undefined;
  /** 1, 0 or UNKNOWN. */
  readonly labels: Int8Array;
}

export interface Subgrouping {
  readonly name: string;
  /** '' where unknown. */
  readonly values: readonly string[];
}

export interface EvaluationData {
  readonly images: number;
  /** Number of the patient of each image, from 0. */
  readonly patients: Uint32Array;
  readonly patientCount: number;
  readonly findings: readonly FindingColumn[];
  readonly subgroups: readonly Subgrouping[];
}

export interface EvaluationSettings {
  readonly draws: number;
  readonly seed: number;
  /** Positives and negatives that a cell of a subgroup table must have. */
  readonly minCell: number;
}

/** The images whose label is known; of these, those that `keep` wants. */
export function labelledCases(
  { probabilities, labels }: Pick<FindingColumn, 'probabilities' | 'labels'>,
  patients: Uint32Array,
  keep: (image: number) => boolean = () => true,
): LabelledScores {
  const images: number[] = [];
  for (let image = 0; image < labels.length; image += 1) {
    if (labels[image] !== UNKNOWN && keep(image)) {
      images.push(image);
    }
  }
  return {
    scores: Float64Array.from(images, (image) => probabilities[image]!),
    positive: Uint8Array.from(images, (image) => labels[image]!),
    patients: Uint32Array.from(images, (image) => patients[image]!),
  };
}
