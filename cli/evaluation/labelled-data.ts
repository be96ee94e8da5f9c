import { PipelineError } from '../../core/errors.js';
import type { EvaluationData, FindingColumn } from '../../core/evaluation/evaluation-data.js';
import { createLabelIndex } from '../../core/evaluation/join-labels.js';
import { UNKNOWN } from '../../core/evaluation/label-values.js';
import { calibratedProbability, logitOf } from '../../core/inference/calibration.js';
import type { SiteManifest } from '../../core/inference/model-overlay.js';
import type { Labels } from './read-labels.js';
import type { ScoreRow } from './score-file.js';

export const UNMATCHED = [
  'score-without-label',
  'label-without-score',
  'repeated-score',
  'repeated-label',
] as const;
export type UnmatchedKind = (typeof UNMATCHED)[number];

/** What became of the rows of both files. */
export interface Matching {
  readonly joinedBy: string;
  readonly scoreRows: number;
  readonly labelRows: number;
  /** Scored images with a label row: what the figures are of. */
  readonly matched: number;
  /** Images that have a label row and were not scored, by reason. */
  readonly notAnalysed: Readonly<Record<string, number>>;
  readonly unmatched: Readonly<Record<UnmatchedKind, number>>;
  readonly patientsKnown: boolean;
}

export interface LabelledData {
  readonly data: EvaluationData;
  readonly matching: Matching;
  /** Every row that was left out: which file's, and its name there. */
  readonly leftOut: readonly { readonly kind: UnmatchedKind; readonly image: string }[];
}

/** Joins the rows of a score file with labels. Throws `request-invalid` when nothing matches. */
export async function joinScores(
  rows: AsyncIterable<ScoreRow>,
  labels: Labels,
  manifest: SiteManifest,
): Promise<LabelledData> {
  const { format, images } = labels;
  const index = createLabelIndex(images, format.join);
  const leftOut: { kind: UnmatchedKind; image: string }[] = index.repeated.map((row) => ({
    kind: 'repeated-label',
    image: images[row]?.image ?? '',
  }));
  const used = new Set<number>(index.repeated);
  const seen = new Set<string>();
  const notAnalysed = new Map<string, number>();
  const joined: { label: number; probabilities: ScoreRow['probabilities'] }[] = [];
  let scoreRows = 0;
  for await (const row of rows) {
    scoreRows += 1;
    const label = index.find(row);
    const scored = row.outcome === 'scored';
    if (label === undefined) {
      leftOut.push({ kind: 'score-without-label', image: row.file });
      continue;
    }
    used.add(label);
    if (!scored) {
      notAnalysed.set(row.reason, (notAnalysed.get(row.reason) ?? 0) + 1);
      continue;
    }
    // One image a label, except where labels are of whole studies.
    const key = format.join === 'study' ? row.SOPInstanceUID || row.file : String(label);
    if (seen.has(key)) {
      leftOut.push({ kind: 'repeated-score', image: row.file });
      continue;
    }
    seen.add(key);
    joined.push({ label, probabilities: row.probabilities });
  }
  for (const [row, { image }] of images.entries()) {
    if (!used.has(row)) {
      leftOut.push({ kind: 'label-without-score', image });
    }
  }
  if (joined.length === 0) {
    throw new PipelineError(
      'request-invalid',
      `None of ${scoreRows} scored images matches one of ${images.length} label rows, joined by ` +
        `${describeJoin(labels, index.depth)}. Name the column with --image-column, or score from ` +
        'the folder that the paths of the labels start in.',
    );
  }
  const unmatched = Object.fromEntries(
    UNMATCHED.map((kind) => [kind, leftOut.filter((row) => row.kind === kind).length]),
  ) as Record<UnmatchedKind, number>;
  return {
    data: evaluationData(joined, labels, manifest),
    matching: {
      joinedBy: describeJoin(labels, index.depth),
      scoreRows,
      labelRows: images.length,
      matched: joined.length,
      notAnalysed: Object.fromEntries([...notAnalysed].sort(([a], [b]) => (a < b ? -1 : 1))),
      unmatched,
      patientsKnown: format.patientColumn !== undefined,
    },
    leftOut,
  };
}

function evaluationData(
  joined: readonly {
    readonly label: number;
    readonly probabilities: ReadonlyMap<string, number>;
  }[],
  { format, images }: Labels,
  manifest: SiteManifest,
): EvaluationData {
  const patientNumbers = new Map<string, number>();
  const patients = Uint32Array.from(joined, ({ label }, row) => {
    // Rows that name no patient are patients of their own.
    const patient = images[label]?.patient ?? `\0${row}`;
    const number = patientNumbers.get(patient) ?? patientNumbers.size;
    patientNumbers.set(patient, number);
    return number;
  });
  const findings = manifest.findings.flatMap((finding, at): FindingColumn[] => {
    const { key, display, withheld, thresholds, calibration } = finding;
    const probabilities = Float64Array.from(
      joined,
      (row) => row.probabilities.get(key) ?? Number.NaN,
    );
    if (format.labelled[at] !== true || probabilities.every(Number.isNaN)) {
      return [];
    }
    return [
      {
        key,
        title: display.en,
        withheld,
        threshold: thresholds[manifest.operatingPoint] ?? Number.NaN,
        probabilities,
        calibrated:
          calibration &&
          probabilities.map((value) => calibratedProbability(calibration, logitOf(value))),
        labels: Int8Array.from(joined, ({ label }, row) =>
          Number.isNaN(probabilities[row]) ? UNKNOWN : (images[label]?.labels[at] ?? UNKNOWN),
        ),
      },
    ];
  });
  if (findings.length === 0) {
    throw new PipelineError(
      'request-invalid',
      'The labels are of findings that the scores do not have.',
    );
  }
  return {
    images: joined.length,
    patients,
    patientCount: patientNumbers.size,
    findings,
    subgroups: format.subgroups.map((name, group) => ({
      name,
      values: joined.map(({ label }) => images[label]?.groups[group] ?? ''),
    })),
  };
}

function describeJoin({ format }: Labels, depth: number): string {
  switch (format.join) {
    case 'file':
      return depth === 1
        ? 'file name without extension'
        : `the last ${depth} parts of the path, without extension`;
    case 'instance':
      return 'SOPInstanceUID';
    case 'study':
      return 'study (all of its images have its labels)';
  }
}
