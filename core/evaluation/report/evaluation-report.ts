import type { Evaluation } from '../evaluate-scores.js';
import type { Precision } from '../../inference/model-manifest.js';
import type { LabelPolicies } from '../label-values.js';

/** The report as data: `report.json`, and what `index.html` is made from. Holds no dates and no paths. */
export interface EvaluationReport {
  readonly schemaVersion: 1;
  readonly kind: 'preread-evaluation';
  readonly softwareVersion: string;
  readonly notice: string;
  readonly model: {
    readonly name: string;
    readonly version: string;
    /** Of the fp32 weights, by which a model is known. */
    readonly sha256: string;
    /** Whether the scores say that they are of this model's weights. */
    readonly sha256Confirmed: boolean;
    /** The form of the weights that made the scores, where they say it. */
    readonly scoredWith?: { readonly precision: Precision; readonly sha256: string };
    readonly operatingPoint: string;
    readonly overlay?: { readonly name: string; readonly version: string; readonly sha256: string };
    readonly trainingData: readonly string[];
  };
  readonly labels: {
    readonly format: string;
    readonly sha256: string;
    readonly policies: LabelPolicies;
    readonly patientColumn: string | undefined;
  };
  readonly matching: {
    readonly joinedBy: string;
    readonly scoreRows: number;
    readonly labelRows: number;
    readonly matched: number;
    readonly notAnalysed: Readonly<Record<string, number>>;
    readonly unmatched: Readonly<Record<string, number>>;
    readonly patientsKnown: boolean;
  };
  /** What a reader must know before the figures. */
  readonly cautions: readonly string[];
  readonly evaluation: Evaluation;
}

/** What no figure of a report says. */
export const NOTICE =
  'Research and evaluation only, not a medical device. A finding that is not flagged is not excluded.';
