import { findingName } from '../../core/evaluation/finding-names.js';
import { operatingPointScore } from '../../core/inference/score-findings.js';
import type { SiteManifest } from '../../core/inference/model-overlay.js';
import type { ScoreRow } from '../evaluation/score-file.js';
import { csvLine } from '../score/csv.js';

/** Rows of a score file as lines of another CSV. */
export interface CsvShape {
  readonly header: string;
  line(row: ScoreRow): string;
}

/** The 14 columns of CheXpert, in its order. */
const CHEXPERT_FINDINGS = [
  'No Finding',
  'Enlarged Cardiomediastinum',
  'Cardiomegaly',
  'Lung Opacity',
  'Lung Lesion',
  'Edema',
  'Consolidation',
  'Pneumonia',
  'Atelectasis',
  'Pneumothorax',
  'Pleural Effusion',
  'Pleural Other',
  'Fracture',
  'Support Devices',
] as const;
const CHEXPERT_HEADER = ['Path', 'Sex', 'Age', 'Frontal/Lateral', 'AP/PA', ...CHEXPERT_FINDINGS];

/** The 18 targets of TorchXRayVision, in its order. */
const TXRV_TARGETS = [
  'Atelectasis',
  'Consolidation',
  'Infiltration',
  'Pneumothorax',
  'Edema',
  'Emphysema',
  'Fibrosis',
  'Effusion',
  'Pneumonia',
  'Pleural_Thickening',
  'Cardiomegaly',
  'Nodule',
  'Mass',
  'Hernia',
  'Lung Lesion',
  'Fracture',
  'Lung Opacity',
  'Enlarged Cardiomediastinum',
] as const;

/**
 * The columns of CheXpert's label files, with raw probabilities in place of labels. What the model does not
 * have, and all of an image that was not scored, is blank.
 */
export function chexpertShape(): CsvShape {
  return {
    header: csvLine(CHEXPERT_HEADER),
    line({ file, probabilities }) {
      const byName = namedValues(probabilities);
      return csvLine([file, '', '', '', '', ...CHEXPERT_FINDINGS.map((key) => text(byName, key))]);
    },
  };
}

/**
 * What TorchXRayVision's `process_batch.py` writes: `filename` and 18 targets on its scale, where 0.5 is the
 * operating point (not a probability). Blank as above.
 */
export function txrvShape({ findings, operatingPoint }: SiteManifest): CsvShape {
  const thresholds = new Map(
    findings.map(({ key, thresholds: all }) => [key, all[operatingPoint] ?? 0.5]),
  );
  return {
    header: csvLine(['filename', ...TXRV_TARGETS]),
    line({ file, probabilities }) {
      const scores = [...probabilities].map(
        ([key, value]) => [key, operatingPointScore(value, thresholds.get(key) ?? 0.5)] as const,
      );
      const byName = namedValues(scores);
      return csvLine([file, ...TXRV_TARGETS.map((key) => text(byName, key))]);
    },
  };
}

function namedValues(values: Iterable<readonly [string, number]>): ReadonlyMap<string, number> {
  return new Map([...values].map(([key, value]) => [findingName(key), value]));
}

function text(values: ReadonlyMap<string, number>, key: string): string {
  const value = values.get(findingName(key));
  return value === undefined ? '' : String(value);
}
