import { z } from 'zod';

import type { FindingScore } from '../../core/results/finding-score.js';
import { sigmoid } from '../../core/inference/calibration.js';
import type { ModelManifest } from '../../core/inference/model-manifest.js';
import type { EngineFacts } from '../../core/inference/image-classifier.js';
import { modelText, type SiteManifest } from '../../core/inference/model-overlay.js';
import { modelProvenance, toInstanceOutcome } from '../../core/use-cases/run-inference.js';
import { csvFields, csvLine } from './csv.js';
import type { ScoredFile } from './score-in-order.js';

export const ROW_FORMATS = ['csv', 'jsonl'] as const;
export type RowFormatName = (typeof ROW_FORMATS)[number];

/** What a finished row says of its file, read back. */
export interface RowSummary {
  readonly file: string;
  readonly outcome: string;
  readonly reason: string;
}

/** Rows as text. Nothing in a row depends on when or how fast it was made. */
export interface RowFormat {
  /** First line, with its line end; empty when there is none. */
  readonly header: string;
  /** Whether a record may hold line ends inside quotes. */
  readonly quoted: boolean;
  /** One row with its line end. */
  write(scored: ScoredFile): string;
  /** Undefined for a line that is no row. */
  read(record: string): RowSummary | undefined;
}

export interface RowContext {
  readonly manifest: SiteManifest;
  readonly engine: EngineFacts;
  readonly softwareVersion: string;
  readonly includeWithheld: boolean;
}

export function createRowFormat(name: RowFormatName, context: RowContext): RowFormat {
  switch (name) {
    case 'csv':
      return csvFormat(context);
    case 'jsonl':
      return jsonLinesFormat(context);
  }
}

/**
 * One line a file: what it is, its outcome, the raw probability of every finding under the finding's
 * key, the flagged findings and the model. Lists are joined by semicolons.
 */
function csvFormat(context: RowContext): RowFormat {
  const { manifest, engine, includeWithheld } = context;
  const shown = [...manifest.findings.entries()].filter(
    ([, { withheld }]) => includeWithheld || withheld === undefined,
  );
  const columns = [
    'file',
    'outcome',
    'reason',
    'StudyInstanceUID',
    'SeriesInstanceUID',
    'SOPInstanceUID',
    'warnings',
    ...shown.map(([, { key }]) => key),
    'flagged',
    'model',
  ];
  const model = modelText(manifest);
  return {
    header: csvLine(columns),
    quoted: true,
    write({ path, classification }) {
      const outcome = toInstanceOutcome(manifest, engine, classification);
      const { identity } = classification;
      const scored = classification.kind === 'scored' ? classification : undefined;
      const flagged = outcome.kind === 'scored' ? outcome.findings.filter((f) => f.flagged) : [];
      return csvLine([
        path,
        outcome.kind,
        outcome.kind === 'scored' ? '' : outcome.reason,
        identity?.StudyInstanceUID ?? '',
        identity?.SeriesInstanceUID ?? '',
        identity?.SOPInstanceUID ?? '',
        outcome.warnings.map(({ gate }) => gate).join(';'),
        ...shown.map(([index]) => probabilityText(scored?.logits[index])),
        flagged.map(({ key }) => key).join(';'),
        model,
      ]);
    },
    read(record) {
      const [file, outcome, reason, ...others] = csvFields(record);
      if (outcome === undefined || others.length !== columns.length - 3) {
        return undefined;
      }
      return { file: file ?? '', outcome, reason: reason ?? '' };
    },
  };
}

const jsonRowSchema = z.object({
  file: z.string(),
  outcome: z.string(),
  reason: z.string().default(''),
});

/** One JSON object a line, with everything that the pipeline says of an image. */
function jsonLinesFormat(context: RowContext): RowFormat {
  const { manifest, engine, softwareVersion, includeWithheld } = context;
  return {
    header: '',
    quoted: false,
    write({ path, classification }) {
      const outcome = toInstanceOutcome(manifest, engine, classification);
      const { kind, warnings } = outcome;
      const row = {
        file: path,
        outcome: kind,
        ...(outcome.kind === 'not-analysed' && { reason: outcome.reason, detail: outcome.detail }),
        ...classification.identity,
        warnings,
        ...(outcome.kind === 'scored' && { findings: outcome.findings.map(jsonFinding) }),
        ...(classification.kind === 'scored' &&
          includeWithheld && { withheld: withheldProbabilities(manifest, classification.logits) }),
        // The same in every row, so that a row stands for itself wherever it is taken.
        model: modelProvenance(manifest, engine),
        softwareVersion,
      };
      return `${JSON.stringify(row)}\n`;
    },
    read(record) {
      try {
        return jsonRowSchema.parse(JSON.parse(record));
      } catch {
        return undefined;
      }
    },
  };
}

/** Names and codes of a finding are the manifest's and not repeated in a hundred thousand rows. */
function jsonFinding(finding: FindingScore): Omit<FindingScore, 'display' | 'codes' | 'priority'> {
  const { key, probability, operatingPointScore, calibratedProbability, threshold, flagged } =
    finding;
  return { key, probability, operatingPointScore, calibratedProbability, threshold, flagged };
}

function withheldProbabilities(
  { findings }: ModelManifest,
  logits: readonly number[],
): Readonly<Record<string, number>> {
  const entries = findings.flatMap(({ key, withheld }, index) =>
    withheld === undefined ? [] : [[key, sigmoid(logits[index] ?? NaN)] as const],
  );
  return Object.fromEntries(entries);
}

function probabilityText(logit: number | undefined): string {
  return logit === undefined ? '' : String(sigmoid(logit));
}
