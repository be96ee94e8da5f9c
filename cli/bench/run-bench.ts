import { writeFile } from 'node:fs/promises';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';

import { readModelFolder } from '../../adapters/models/load-model.js';
import { modelSearchPath } from '../../adapters/models/find-model.js';
import { softwareVersion } from '../../adapters/process/package-info.js';
import { kindName, makeInputs, SIZES, SYNTAXES, TYPICAL, writeStudyFile } from './bench-inputs.js';
import { startBenchPipeline } from './bench-pipeline.js';
import { measureColdStart, type ColdStart } from './cold-start.js';
import { startLocalRedis } from './local-redis.js';
import { measureLatency, measureThroughput, type LatencyResult } from './measure-pipeline.js';
import { measureSoak, type SoakResult } from './measure-soak.js';
import { installRandomDenseNet } from './random-densenet.js';
import { figuresOf, headerLine, latencyLine, rowLine, type BenchRow } from './render-bench.js';
import { measureScore, type BenchModel } from './score-bench.js';
import { median } from './statistics.js';
import { studyCopier } from './study-copies.js';

export interface BenchSettings {
  readonly rounds: number;
  readonly windowMs: number;
  readonly attempts: number;
  readonly processes: number;
  /** Name or folder of the model that is measured beside the random DenseNet121. */
  readonly model: string;
  readonly modelsDir: string | undefined;
  /** Only rows whose name contains it. */
  readonly only: string;
  /** Studies through the whole pipeline, and as many for the latency. */
  readonly studies: number;
  /** Images of the memory test; none without it. */
  readonly soak: number | undefined;
}

/** What `--json` writes. */
export interface BenchReport {
  readonly softwareVersion: string;
  readonly processor: string;
  readonly cores: number;
  readonly node: string;
  /** Of one, five and fifteen minutes, before the run. */
  readonly loadAverage: readonly number[];
  readonly rows: (BenchRow & { readonly figures: ReturnType<typeof figuresOf> })[];
  readonly pipelines: PipelineRow[];
  coldStart?: ColdStart;
  soak?: SoakResult;
  readonly skipped: string[];
}

interface PipelineRow {
  readonly queue: 'embedded' | 'redis';
  readonly studiesPerSecond: number;
  /** Over `score` with the same model, file and number of processes. */
  readonly ofScore: number;
  readonly latency: LatencyResult;
}

interface Bench {
  readonly settings: BenchSettings;
  readonly folder: string;
  readonly report: BenchReport;
  readonly print: (line: string) => void;
  readonly shipped: BenchModel;
}

/** The whole benchmark. Everything that it writes is below `folder`. */
export async function runBench(
  settings: BenchSettings,
  folder: string,
  print: (line: string) => void,
): Promise<BenchReport> {
  const search = modelSearchPath(settings.modelsDir);
  const found = await readModelFolder(settings.model, search);
  const { manifest } = found;
  const name = `${manifest.name}@${manifest.version}`;
  const shipped: BenchModel = { name, model: found.folder, precision: 'fp32' };
  const report: BenchReport = {
    softwareVersion,
    processor: cpus()[0]?.model ?? 'unknown processor',
    cores: cpus().length,
    node: process.versions.node,
    loadAverage: loadavg(),
    rows: [],
    pipelines: [],
    skipped: [],
  };
  const bench: Bench = { settings, folder, report, print, shipped };
  const load = report.loadAverage.map((value) => value.toFixed(1)).join(' ');
  print(
    `preread ${softwareVersion}, ${report.processor}, ${report.cores} cores, Node ${report.node}`,
  );
  print(`load before the run: ${load}; ${settings.rounds} rounds of ${settings.windowMs / 1000} s`);
  print(`\n${headerLine()}`);
  const densenet: BenchModel = {
    name: 'densenet121-random',
    model: await installRandomDenseNet(join(folder, 'models')),
    precision: 'fp32',
  };
  await scoreRows(bench, densenet, SYNTAXES, settings.processes);
  await scoreRows(bench, shipped, SIZES, settings.processes);
  for (const { precision } of manifest.variants ?? []) {
    await scoreRows(bench, { ...shipped, precision }, [TYPICAL], settings.processes);
  }
  for (const processes of [1, 2, 3, 4].filter((count) => count !== settings.processes)) {
    await scoreRows(bench, shipped, [TYPICAL], processes);
  }
  print('');
  await pipelineRows(bench);
  await coldStart(bench);
  await soak(bench);
  for (const reason of report.skipped) {
    print(reason);
  }
  return report;
}

async function scoreRows(
  { settings, folder, report, print }: Bench,
  model: BenchModel,
  kinds: typeof SIZES,
  processes: number,
): Promise<void> {
  const label = (kind: (typeof kinds)[number]): string =>
    `${model.name} ${model.precision}, ${kindName(kind)}, ${processes} processes`;
  const wanted = kinds.filter((kind) => label(kind).includes(settings.only));
  const { inputs, skipped } = await makeInputs(wanted, folder);
  report.skipped.push(...skipped);
  if (inputs.length === 0) {
    return;
  }
  const { rounds, windowMs, attempts } = settings;
  const options = { rounds, windowMs, attempts, processes, folder };
  for await (const row of measureScore(model, inputs, options)) {
    report.rows.push({ ...row, figures: figuresOf(row) });
    print(rowLine(row));
  }
}

async function pipelineRows({ settings, folder, report, print, shipped }: Bench): Promise<void> {
  const { processes, studies } = settings;
  const queues = (['embedded', 'redis'] as const).filter((queue) =>
    `pipeline ${queue}`.includes(settings.only),
  );
  if (queues.length === 0) {
    return;
  }
  const copy = await studyCopier(await writeStudyFile(folder));
  const score = await scoreRate({ settings, folder, report, print, shipped });
  for (const queue of queues) {
    const redis = queue === 'redis' ? await startLocalRedis(folder) : undefined;
    if (queue === 'redis' && redis === undefined) {
      report.skipped.push('The pipeline on Redis is skipped: there is no redis-server.');
      continue;
    }
    const { model, precision } = shipped;
    const redisUrl = redis?.url;
    const pipeline = await startBenchPipeline({ folder, model, precision, processes, redisUrl });
    try {
      const studiesPerSecond = await measureThroughput(pipeline, copy, studies);
      const latency = await measureLatency(pipeline, copy, 1_000_000, Math.min(studies, 40));
      const ofScore = studiesPerSecond / score;
      report.pipelines.push({ queue, studiesPerSecond, ofScore, latency });
      print(
        `pipeline ${queue} over score: ${ofScore.toFixed(3)} ` +
          `(${studiesPerSecond.toFixed(1)} of ${score.toFixed(1)} a second, ${kindName(TYPICAL)})`,
      );
      print(latencyLine(queue, latency));
    } finally {
      await pipeline.close();
      await redis?.close();
    }
  }
}

/** Images a second of `score` on the files that go through the pipeline; measured now if it was not. */
async function scoreRate(bench: Bench): Promise<number> {
  const { settings, folder, report, shipped } = bench;
  const measured = report.rows.find(
    ({ model, precision, name, processes }) =>
      model === shipped.name &&
      precision === 'fp32' &&
      name === kindName(TYPICAL) &&
      processes === settings.processes,
  );
  if (measured !== undefined) {
    return measured.figures.score;
  }
  const { inputs } = await makeInputs([TYPICAL], folder);
  const rates: number[] = [];
  for await (const row of measureScore(shipped, inputs, { ...settings, folder })) {
    rates.push(figuresOf(row).score);
  }
  return rates[0] ?? NaN;
}

async function coldStart({ settings, folder, report, print, shipped }: Bench): Promise<void> {
  if (!'cold start'.includes(settings.only)) {
    return;
  }
  const file = await writeStudyFile(folder);
  const starts: ColdStart[] = [];
  for (let run = 0; run < 5; run += 1) {
    starts.push(await measureColdStart(shipped.model, file));
  }
  const firstRowMs = median(starts.map((start) => start.firstRowMs));
  const emptyNodeMs = median(starts.map((start) => start.emptyNodeMs));
  report.coldStart = { firstRowMs, emptyNodeMs };
  print(
    `cold start of score to the first row: ${firstRowMs.toFixed(0)} ms ` +
      `(empty Node: ${emptyNodeMs.toFixed(0)} ms)`,
  );
}

async function soak({ settings, folder, report, print, shipped }: Bench): Promise<void> {
  if (settings.soak === undefined) {
    return;
  }
  const { inputs } = await makeInputs(SIZES, folder);
  const result = await measureSoak(shipped, inputs, settings.soak);
  report.soak = result;
  const megabytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(0);
  print(
    `memory of an inference process after ${result.images} images over after 200: ` +
      `${(result.endBytes / result.settledBytes).toFixed(3)} ` +
      `(${megabytes(result.endBytes)} MB over ${megabytes(result.settledBytes)} MB)`,
  );
}

export async function writeReport(path: string, report: BenchReport): Promise<void> {
  await writeFile(path, `${JSON.stringify(report, undefined, 2)}\n`);
}
