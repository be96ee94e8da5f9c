import { mkdtemp, writeFile } from 'node:fs/promises';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';

import { readModelFolder } from '../../adapters/models/load-model.js';
import type { ProviderChoice } from '../../adapters/onnx/execution-providers.js';
import { modelSearchPath } from '../../adapters/models/find-model.js';
import { softwareVersion } from '../../adapters/process/package-info.js';
import {
  type BenchInput,
  kindName,
  makeInputs,
  SIZE_OF_DETECTOR,
  SIZES,
  SYNTAXES,
  TYPICAL,
  writeStudyFile,
} from './bench-inputs.js';
import { measureColdStart, type ColdStart } from './cold-start.js';
import { addInt8Form } from './int8-densenet.js';
import { startLocalRedis } from './local-redis.js';
import { measureQueueCosts, openBenchQueue, type QueueCost } from './measure-queue.js';
import { type OwnRate, peerLine, type PeerRow, peerRows } from './peer-rows.js';
import {
  pipelineName,
  pipelineRow,
  studySizeRows,
  type PipelineRow,
  type StudySizeRow,
} from './pipeline-rows.js';
import { measureSoak, type SoakResult } from './measure-soak.js';
import { installRandomDenseNet } from './random-densenet.js';
import { figuresOf, headerLine, rowLine, type BenchRow } from './render-bench.js';
import { measureScore, type BenchModel } from './score-bench.js';
import { median } from './statistics.js';

export interface BenchSettings {
  readonly rounds: number;
  readonly windowMs: number;
  readonly attempts: number;
  readonly processes: number;
  /** What computes; `auto` would hide what was measured. */
  readonly provider: ProviderChoice;
  /** Images at once; undefined for what suits the provider. */
  readonly maxBatch: number | undefined;
  /** Name or folder of the model that is measured beside the random DenseNet121. */
  readonly model: string;
  readonly modelsDir: string | undefined;
  /** Only rows whose name contains it. */
  readonly only: string;
  /** Studies through the whole pipeline, and as many for the latency. */
  readonly studies: number;
  /** Jobs that wait in the longest queue that is measured. */
  readonly queueLength: number;
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
  int8OverFp32?: number;
  readonly peers: PeerRow[];
  readonly pipelines: PipelineRow[];
  readonly studySizes: StudySizeRow[];
  readonly queues: (QueueCost & { readonly queue: 'embedded' | 'redis' })[];
  coldStart?: ColdStart;
  soak?: SoakResult;
  readonly skipped: string[];
}

const QUEUE_LENGTHS = [10, 1_000, 10_000, 100_000];

interface Bench {
  readonly settings: BenchSettings;
  readonly folder: string;
  readonly report: BenchReport;
  readonly print: (line: string) => void;
  readonly shipped: BenchModel;
  /** By the model's name: of those that no row of the main table has. */
  readonly scoreRates: Map<string, number>;
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
  const { provider, maxBatch } = settings;
  const engine = { precision: 'fp32', provider, maxBatch } as const;
  const shipped: BenchModel = { name, model: found.folder, ...engine };
  const report: BenchReport = {
    softwareVersion,
    processor: cpus()[0]?.model ?? 'unknown processor',
    cores: cpus().length,
    node: process.versions.node,
    loadAverage: loadavg(),
    rows: [],
    peers: [],
    pipelines: [],
    studySizes: [],
    queues: [],
    skipped: [],
  };
  const bench: Bench = { settings, folder, report, print, shipped, scoreRates: new Map() };
  const load = report.loadAverage.map((value) => value.toFixed(1)).join(' ');
  print(
    `preread ${softwareVersion}, ${report.processor}, ${report.cores} cores, Node ${report.node}`,
  );
  print(`load before the run: ${load}; ${settings.rounds} rounds of ${settings.windowMs / 1000} s`);
  print(`\n${headerLine()}`);
  const densenet: BenchModel = {
    name: 'densenet121-random',
    model: await installRandomDenseNet(join(folder, 'models')),
    ...engine,
  };
  await scoreRows(bench, densenet, SYNTAXES, settings.processes);
  // int8 in this form is made for processors.
  if (settings.provider === 'cpu') {
    await int8Rows(bench, densenet);
  }
  await scoreRows(bench, shipped, SIZES, settings.processes);
  for (const { precision } of manifest.variants ?? []) {
    await scoreRows(bench, { ...shipped, precision }, [TYPICAL], settings.processes);
  }
  for (const processes of [1, 2, 3, 4].filter((count) => count !== settings.processes)) {
    await scoreRows(bench, shipped, [TYPICAL], processes);
  }
  print('');
  await peer(bench, densenet);
  await pipelineRows(bench, [shipped, densenet]);
  if ('study size'.includes(settings.only)) {
    report.studySizes.push(...(await studySizeRows(shipped, { ...settings, folder }, print)));
  }
  await queueCosts(bench);
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
  const wanted = kinds.filter((kind) => rowLabel(model, kind, processes).includes(settings.only));
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

function rowLabel(model: BenchModel, kind: (typeof SIZES)[number], processes: number): string {
  return `${model.name} ${model.precision}, ${kindName(kind)}, ${processes} processes`;
}

/** The kinds of which int8 and the peer are measured. */
const COMPARED = SYNTAXES.filter(({ encoder: { name } }) => /^(raw|JPEG 2000)/.test(name));

async function int8Rows(bench: Bench, densenet: BenchModel): Promise<void> {
  const { settings, folder, report, print } = bench;
  const int8: BenchModel = { ...densenet, precision: 'int8' };
  if (!COMPARED.some((kind) => rowLabel(int8, kind, settings.processes).includes(settings.only))) {
    return;
  }
  const { inputs } = await makeInputs([SIZE_OF_DETECTOR], folder);
  await addInt8Form(
    densenet.model,
    inputs.flatMap(({ paths }) => paths),
  );
  await scoreRows(bench, int8, COMPARED, settings.processes);
  const [fast, exact] = (['int8', 'fp32'] as const).map((precision) =>
    report.rows.find(
      (row) => row.precision === precision && row.name === kindName(SIZE_OF_DETECTOR),
    ),
  );
  if (fast !== undefined && exact !== undefined) {
    report.int8OverFp32 = fast.figures.bare / exact.figures.bare;
    print(`int8 over fp32, bare, ${densenet.name}: ${report.int8OverFp32.toFixed(2)}`);
  }
}

async function peer(
  { settings, folder, report, print }: Bench,
  densenet: BenchModel,
): Promise<void> {
  if (!'peer'.includes(settings.only)) {
    return;
  }
  const { inputs } = await makeInputs(COMPARED, folder);
  const ownRates = ({ name }: BenchInput): OwnRate[] =>
    report.rows
      .filter((row) => row.model === densenet.name && row.name === name)
      .map(({ precision, figures, rounds }) => ({
        label: precision,
        imagesPerSecond: figures.score,
        cpuMsPerImage: median(rounds.map(({ score }) => score.cpuMsPerImage)),
      }));
  const { processes } = settings;
  const rows = peerRows(inputs, ownRates, { processes, folder }, (reason) => {
    report.skipped.push(reason);
  });
  for await (const row of rows) {
    report.peers.push(row);
    print(peerLine(row));
  }
}

async function queueCosts({ settings, folder, report, print }: Bench): Promise<void> {
  const lengths = QUEUE_LENGTHS.filter((length) => length <= settings.queueLength);
  for (const name of ['embedded', 'redis'] as const) {
    if (!`queue ${name}`.includes(settings.only)) {
      continue;
    }
    const redis = name === 'redis' ? await startLocalRedis(folder) : undefined;
    if (name === 'redis' && redis === undefined) {
      report.skipped.push('The queue on Redis is skipped: there is no redis-server.');
      continue;
    }
    const place = await mkdtemp(join(folder, 'queue-'));
    const opened = await openBenchQueue(place, redis?.url);
    try {
      for await (const cost of measureQueueCosts(opened.queue, lengths)) {
        report.queues.push({ queue: name, ...cost });
        print(
          `queue ${name}, ${cost.waiting} waiting: ${cost.addMs.toFixed(3)} ms to add a job, ` +
            `${cost.doMs.toFixed(3)} ms to do one`,
        );
      }
    } finally {
      await opened.close();
      await redis?.close();
    }
  }
}

async function pipelineRows(bench: Bench, models: readonly BenchModel[]): Promise<void> {
  const { settings, folder, report, print } = bench;
  const { processes, studies } = settings;
  for (const model of models) {
    for (const queue of ['embedded', 'redis'] as const) {
      if (!pipelineName(queue, model).includes(settings.only)) {
        continue;
      }
      const redis = queue === 'redis' ? await startLocalRedis(folder) : undefined;
      if (queue === 'redis' && redis === undefined) {
        report.skipped.push('The pipeline on Redis is skipped: there is no redis-server.');
        continue;
      }
      try {
        const score = await scoreRate(bench, model);
        const options = { folder, processes, studies, redisUrl: redis?.url, score };
        report.pipelines.push(await pipelineRow(model, options, print));
      } finally {
        await redis?.close();
      }
    }
  }
}

/** Images a second of `score` on the files that go through the pipeline; measured once. */
async function scoreRate(bench: Bench, model: BenchModel): Promise<number> {
  const { settings, folder, report } = bench;
  const measured = report.rows.find(
    (row) =>
      row.model === model.name &&
      row.precision === 'fp32' &&
      row.name === kindName(TYPICAL) &&
      row.processes === settings.processes,
  );
  if (measured !== undefined) {
    return measured.figures.score;
  }
  const known = bench.scoreRates.get(model.name);
  if (known !== undefined) {
    return known;
  }
  const { inputs } = await makeInputs([TYPICAL], folder);
  let rate = NaN;
  for await (const row of measureScore(model, inputs, { ...settings, folder })) {
    rate = figuresOf(row).score;
  }
  bench.scoreRates.set(model.name, rate);
  return rate;
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
