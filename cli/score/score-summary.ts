import type { ImageClassification } from '../../core/inference/image-classifier.js';
import type { NotAnalysedReason } from '../../core/results/outcome.js';
import type { RowSummary } from './row-format.js';

/** The file is damaged or something failed: to be looked at, other than a file that is merely no chest X-ray. */
const ERROR_REASONS: readonly NotAnalysedReason[] = [
  'file-unreadable',
  'pixel-data-corrupt',
  'processing-failed',
];

/** A row that was made now, or one that was read back. */
type CountedRow = ImageClassification | Pick<RowSummary, 'outcome' | 'reason'>;

/** Counts of a run's rows, those of the runs that it resumes included. */
export interface ScoreSummary {
  readonly rows: number;
  readonly scored: number;
  readonly errors: number;
  add(row: CountedRow): void;
  /** One line for people. */
  describe(): string;
}

export function createScoreSummary(): ScoreSummary {
  const reasons = new Map<string, number>();
  let rows = 0;
  let scored = 0;
  return {
    get rows() {
      return rows;
    },
    get scored() {
      return scored;
    },
    get errors() {
      return ERROR_REASONS.reduce((sum, reason) => sum + (reasons.get(reason) ?? 0), 0);
    },
    add(row) {
      const outcome = 'kind' in row ? row.kind : row.outcome;
      rows += 1;
      if (outcome === 'scored') {
        scored += 1;
      } else {
        const reason = 'reason' in row ? row.reason : '';
        reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
      }
    },
    describe() {
      const others = [...reasons]
        .sort(([a, countA], [b, countB]) => countB - countA || (a < b ? -1 : 1))
        .map(([reason, count]) => `${count} ${reason}`);
      const notAnalysed = rows - scored;
      return (
        `${rows} ${rows === 1 ? 'file' : 'files'}: ${scored} scored` +
        (notAnalysed === 0 ? '' : `, ${notAnalysed} not analysed (${others.join(', ')})`)
      );
    },
  };
}
