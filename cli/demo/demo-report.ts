import type { WebhookMessage } from '../../core/delivery/webhook-message.js';
import { NOT_ANALYSED } from '../../core/results/outcome.js';
import type { InstanceResult, StudyResult } from '../../core/results/study-result.js';
import type { DemoStudy } from '../../scripts/phantom/demo-studies.js';
import type { SentStudy } from './send-study.js';

/** Findings shown on a line: the ones nearest to or above their operating points. */
const FINDINGS_SHOWN = 4;
const INDENT = ' '.repeat(11);

/** `[  2.1s]`, the time since the demo began. */
export function stamp(elapsedMs: number): string {
  return `[${(elapsedMs / 1000).toFixed(1).padStart(6)}s]`;
}

export function sentLine(number: number, study: DemoStudy, sent: SentStudy): string {
  const views = study.instances.map(({ view }) => view).join(' + ');
  const size = (sent.sizeBytes / 1024 ** 2).toFixed(1);
  return (
    `study ${number} "${study.finding}": ${views} stored by STOW-RS ` +
    `(${size} MB in ${Math.round(sent.durationMs)} ms)`
  );
}

export function instanceLine({ outcome }: Pick<InstanceResult, 'outcome'>): string {
  if (outcome.kind === 'not-analysed') {
    return `image not analysed: ${NOT_ANALYSED[outcome.reason]}`;
  }
  const scores = [...outcome.findings]
    .sort((a, b) => b.operatingPointScore - a.operatingPointScore)
    .slice(0, FINDINGS_SHOWN)
    .map(({ display, probability, flagged }) => {
      const mark = flagged ? '*' : '';
      return `${mark}${display.en} ${probability.toFixed(2)}`;
    });
  return `image scored: ${scores.join(', ')}, ... (* above the operating point)`;
}

export function messageLine(message: WebhookMessage, sinceAcknowledgedMs: number): string {
  const { triage } = message.data;
  const raised =
    triage.priority === triage.requestedPriority
      ? triage.priority
      : `${triage.requestedPriority} raised to ${triage.priority}`;
  return (
    `webhook verified: ${message.type}, priority ${raised}, ` +
    `${Math.round(sinceAcknowledgedMs)} ms after the study was stored`
  );
}

export interface DemoRow {
  readonly study: DemoStudy;
  readonly result: StudyResult | undefined;
  readonly deliveredAfterMs: number | undefined;
}

/** The table at the end: a row a study. */
export function summary(rows: readonly DemoRow[]): string {
  const table = rows.map(({ study, result, deliveredAfterMs }) => [
    study.finding,
    study.instances.map(({ view }) => view).join('+'),
    result ? analysedCount(result) : '-',
    result ? flaggedNames(result) : '-',
    result?.triage.priority ?? '-',
    deliveredAfterMs === undefined ? 'NOT DELIVERED' : `${Math.round(deliveredAfterMs)} ms`,
  ]);
  const header = [
    'phantom shows',
    'views',
    'analysed',
    'flagged by the model',
    'priority',
    'delivered after',
  ];
  const widths = header.map((title, column) =>
    Math.max(title.length, ...table.map((cells) => cells[column]?.length ?? 0)),
  );
  return [header, widths.map((width) => '-'.repeat(width)), ...table]
    .map((cells) => cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '))
    .join('\n');
}

export function indented(text: string): string {
  return `${INDENT}${text}`;
}

function analysedCount({ instances }: StudyResult): string {
  const scored = instances.filter(({ outcome }) => outcome.kind === 'scored').length;
  return `${scored} of ${instances.length}`;
}

function flaggedNames({ findings }: StudyResult): string {
  const names = findings.filter(({ flagged }) => flagged).map(({ display }) => display.en);
  return names.length === 0 ? 'nothing' : names.join(', ');
}
