import { STAGES } from '../../core/metrics.js';
import type { InputResult } from './measure-input.js';
import type { LatencyResult } from './measure-pipeline.js';
import { median } from './statistics.js';

/** One row of the main table, with what it was measured on. */
export interface BenchRow extends InputResult {
  readonly model: string;
  readonly precision: string;
  readonly processes: number;
}

export interface RowFigures {
  /** Score over inference alone: the median of the rounds, and the range. */
  readonly ofBare: number;
  readonly ofBareRange: readonly [number, number];
  /** Score over 1 / (t_pre + t_inf), both measured alone on the same cores. */
  readonly ofBound: number;
  /** Images a second. */
  readonly score: number;
  readonly bare: number;
  readonly bound: number;
  /** Most cores that other programs took in a window. */
  readonly others: number;
}

export function figuresOf({ rounds }: Pick<BenchRow, 'rounds'>): RowFigures {
  const ofBare = rounds.map(({ infer, score }) => score.imagesPerSecond / infer.imagesPerSecond);
  const bounds = rounds.map(
    ({ infer, preprocess }) => 1 / (1 / infer.imagesPerSecond + 1 / preprocess.imagesPerSecond),
  );
  const ofBound = rounds.map(({ score }, index) => score.imagesPerSecond / (bounds[index] ?? NaN));
  return {
    ofBare: median(ofBare),
    ofBareRange: [Math.min(...ofBare), Math.max(...ofBare)],
    ofBound: median(ofBound),
    score: median(rounds.map(({ score }) => score.imagesPerSecond)),
    bare: median(rounds.map(({ infer }) => infer.imagesPerSecond)),
    bound: median(bounds),
    others: Math.max(
      ...rounds.flatMap(({ infer, preprocess, score }) =>
        [infer, preprocess, score].map(({ otherCores }) => otherCores),
      ),
    ),
  };
}

const COLUMNS = [
  { title: 'score/bare', width: 19 },
  { title: '/bound', width: 7 },
  { title: 'score/s', width: 8 },
  { title: 'bare/s', width: 7 },
  { title: 'read', width: 6 },
  { title: 'decode', width: 7 },
  { title: 'prep', width: 6 },
  { title: 'infer ms', width: 9 },
  { title: 'others', width: 7 },
  { title: 'what', width: 0 },
] as const;

export function headerLine(): string {
  return COLUMNS.map(({ title, width }) => title.padEnd(width)).join(' ');
}

export function rowLine(row: BenchRow): string {
  const { ofBare, ofBareRange, ofBound, score, bare, others } = figuresOf(row);
  const { readMs, decodeMs, preprocessMs, inferMs } = row.stages;
  const [low, high] = ofBareRange;
  const cells = [
    `${ofBare.toFixed(3)} (${low.toFixed(2)}-${high.toFixed(2)})`,
    ofBound.toFixed(3),
    score.toFixed(1),
    bare.toFixed(1),
    readMs.toFixed(1),
    decodeMs.toFixed(1),
    preprocessMs.toFixed(1),
    inferMs.toFixed(1),
    others.toFixed(2),
    `${row.model} ${row.precision}, ${row.name}, ${row.processes} processes`,
  ];
  return cells.map((cell, index) => cell.padEnd(COLUMNS[index]?.width ?? 0)).join(' ');
}

/** @param when as `at idle` */
export function latencyLine(what: string, when: string, latency: LatencyResult): string {
  const { p50Ms, p95Ms, stages } = latency;
  const parts = STAGES.map((stage) => `${stage} ${stages[stage].toFixed(0)}`).join(', ');
  return (
    `latency ${when}, ${what}: p50 ${p50Ms.toFixed(0)} ms, p95 ${p95Ms.toFixed(0)} ms from sending to ` +
    `webhook (means of the stages: ${parts})`
  );
}
