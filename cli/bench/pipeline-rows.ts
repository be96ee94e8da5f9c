import { kindName, TYPICAL, writeStudyFile } from './bench-inputs.js';
import { startBenchPipeline } from './bench-pipeline.js';
import {
  LOAD,
  measureIdleLatency,
  measureLoadedLatency,
  measureThroughput,
  type LatencyResult,
  type ThroughputResult,
  WARM_UP_IMAGES,
} from './measure-pipeline.js';
import { latencyLine } from './render-bench.js';
import type { BenchModel } from './score-bench.js';
import { studyCopier } from './study-copies.js';

export interface PipelineRow extends ThroughputResult {
  readonly queue: 'embedded' | 'redis';
  readonly model: string;
  /** Over `score` with the same model, file and number of processes. */
  readonly ofScore: number;
  readonly idle: LatencyResult;
  /** At 80 % of `studiesPerSecond`. */
  readonly loaded: LatencyResult;
}

export interface PipelineRowOptions {
  readonly folder: string;
  readonly processes: number;
  readonly studies: number;
  readonly redisUrl: string | undefined;
  /** Images a second of `score`. */
  readonly score: number;
}

/** Most studies of one at a time: their number is not what makes the figure better. */
const MAX_IDLE_STUDIES = 40;
/** Serial numbers of the studies of which the latency is measured: nothing else has them. */
const IDLE_SERIALS = 1_000_000;
const LOADED_SERIALS = 2_000_000;
/** Between the first studies of two sizes. */
const STUDY_SIZE_SERIALS = 1_000_000;

export const pipelineName = (queue: PipelineRow['queue'], { name }: BenchModel): string =>
  `pipeline ${queue}, ${name}`;

/** The whole pipeline with one model and one queue: throughput, then latency at idle and under load. */
export async function pipelineRow(
  model: BenchModel,
  { folder, processes, studies, redisUrl, score }: PipelineRowOptions,
  print: (line: string) => void,
): Promise<PipelineRow> {
  const queue = redisUrl === undefined ? 'embedded' : 'redis';
  const copier = await studyCopier(await writeStudyFile(folder));
  const pipeline = await startBenchPipeline({ ...model, folder, processes, redisUrl });
  try {
    const throughput = await measureThroughput(pipeline, copier, {
      firstSerial: 1,
      studies,
      imagesPerStudy: 1,
      warmUpImages: WARM_UP_IMAGES,
    });
    const { studiesPerSecond, pipelineCpuMs, clientCpuMs } = throughput;
    const ofScore = studiesPerSecond / score;
    print(
      `${pipelineName(queue, model)} over score: ${ofScore.toFixed(3)} ` +
        `(${studiesPerSecond.toFixed(1)} of ${score.toFixed(1)} a second, ${kindName(TYPICAL)}; ` +
        `processor ms a study: pipeline ${pipelineCpuMs.toFixed(1)}, client ${clientCpuMs.toFixed(1)})`,
    );
    const idleStudies = Math.min(studies, MAX_IDLE_STUDIES);
    const idle = await measureIdleLatency(pipeline, copier, IDLE_SERIALS, idleStudies);
    print(latencyLine(`${queue}, ${model.name}`, 'at idle', idle));
    const loaded = await measureLoadedLatency(pipeline, copier, LOADED_SERIALS, {
      studies,
      studiesPerSecond: LOAD * studiesPerSecond,
    });
    print(latencyLine(`${queue}, ${model.name}`, `at ${LOAD * 100} % load`, loaded));
    return { queue, model: model.name, ...throughput, ofScore, idle, loaded };
  } finally {
    await pipeline.close();
  }
}

export interface StudySizeRow {
  readonly imagesPerStudy: number;
  readonly imagesPerSecond: number;
  /** Processor time of `preread serve` and its inference processes, ms an image; 0 but on Linux. */
  readonly pipelineCpuMs: number;
}

const STUDY_SIZES = [1, 2, 4, 8];
const NEXT_SIZE_IMAGES = 128;

/** What an image costs in studies of several, all of a study in one request; embedded. */
export async function studySizeRows(
  model: BenchModel,
  { folder, processes, studies }: Pick<PipelineRowOptions, 'folder' | 'processes' | 'studies'>,
  print: (line: string) => void,
): Promise<StudySizeRow[]> {
  const copier = await studyCopier(await writeStudyFile(folder));
  const pipeline = await startBenchPipeline({ ...model, folder, processes, redisUrl: undefined });
  const rows: StudySizeRow[] = [];
  try {
    for (const imagesPerStudy of STUDY_SIZES) {
      const { studiesPerSecond, pipelineCpuMs } = await measureThroughput(pipeline, copier, {
        firstSerial: imagesPerStudy * STUDY_SIZE_SERIALS,
        studies: Math.ceil(studies / imagesPerStudy),
        imagesPerStudy,
        // One pipeline has all sizes; of the next one its senders are to be under way.
        warmUpImages: rows.length === 0 ? WARM_UP_IMAGES : NEXT_SIZE_IMAGES,
      });
      const row = {
        imagesPerStudy,
        imagesPerSecond: studiesPerSecond * imagesPerStudy,
        pipelineCpuMs: pipelineCpuMs / imagesPerStudy,
      };
      print(
        `study size embedded, ${imagesPerStudy} images: ${row.imagesPerSecond.toFixed(1)} images a second, ` +
          `${row.pipelineCpuMs.toFixed(1)} processor ms an image`,
      );
      rows.push(row);
    }
  } finally {
    await pipeline.close();
  }
  return rows;
}
