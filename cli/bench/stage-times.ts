import { STAGES, type Stage } from '../../core/metrics.js';

/** Seconds and observations of each stage so far, from the metrics page of `preread serve`. */
export type StageTotals = Readonly<
  Record<Stage, { readonly seconds: number; readonly count: number }>
>;

/** Mean time of each stage between two readings; 0 where nothing was observed. Units: ms. */
export type StageMeans = Readonly<Record<Stage, number>>;

/** @param page the text of `/metrics` (Prometheus text format) */
export function readStageTotals(page: string): StageTotals {
  const figure = (stage: Stage, what: 'sum' | 'count'): number => {
    const line = new RegExp(`^preread_stage_seconds_${what}\\{stage="${stage}"\\} (\\S+)$`, 'm');
    return Number(line.exec(page)?.[1] ?? 0);
  };
  return forStages((stage) => ({ seconds: figure(stage, 'sum'), count: figure(stage, 'count') }));
}

export function stageMeans(before: StageTotals, after: StageTotals): StageMeans {
  return forStages((stage) => {
    const count = after[stage].count - before[stage].count;
    return count === 0 ? 0 : ((after[stage].seconds - before[stage].seconds) * 1000) / count;
  });
}

function forStages<T>(valueOf: (stage: Stage) => T): Readonly<Record<Stage, T>> {
  return Object.fromEntries(STAGES.map((stage) => [stage, valueOf(stage)])) as Record<Stage, T>;
}
