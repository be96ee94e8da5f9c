import { setTimeout as sleep } from 'node:timers/promises';

import type { BenchPipeline } from './bench-pipeline.js';
import { processTreeCpuSeconds } from './cpu-usage.js';
import { readStageTotals, stageMeans, type StageMeans } from './stage-times.js';
import { quantile } from './statistics.js';
import type { StudyCopier } from './study-copies.js';

/** Requests on their way at once, as from a PACS with a few associations. */
const SENDERS = 4;
/** Studies of one sender that are stored and of which no message has come: then it waits for the oldest. */
const MAX_UNDER_WAY = 4;
/** So long it is quiet between two studies of which the latency is measured. */
const IDLE_MS = 100;
/**
 * Images before anything is measured. The pipeline runs for weeks: after a hundred, compiling its code and marking its
 * heap still took a fifth of its processor time.
 */
export const WARM_UP_IMAGES = 400;
/** Share of the rate that was measured at which the latency under load is. */
export const LOAD = 0.8;

export interface ThroughputResult {
  readonly studiesPerSecond: number;
  /** Processor time of `preread serve` and its inference processes, ms a study; 0 but on Linux. */
  readonly pipelineCpuMs: number;
  /** Processor time of this process, which sends and receives, ms a study. */
  readonly clientCpuMs: number;
}

export interface Sending {
  readonly firstSerial: number;
  readonly studies: number;
  readonly imagesPerStudy: number;
  /** Images before these, which are not counted. */
  readonly warmUpImages: number;
}

/**
 * Studies a second, from the first byte in to the last message out, of a pipeline that is busy: between the messages of two
 * studies, as many studies being under way at the end as at the beginning.
 */
export async function measureThroughput(
  pipeline: BenchPipeline,
  copier: StudyCopier,
  { firstSerial, studies, imagesPerStudy, warmUpImages }: Sending,
): Promise<ThroughputResult> {
  const first = Math.ceil(warmUpImages / imagesPerStudy);
  const last = first + studies;
  let serial = firstSerial;
  let arrived = 0;
  let begin = readClocks(pipeline);
  let end = begin;

  async function followUp(StudyInstanceUID: string): Promise<void> {
    await pipeline.arrival(StudyInstanceUID);
    arrived += 1;
    if (arrived === first) {
      begin = readClocks(pipeline);
    } else if (arrived === last) {
      end = readClocks(pipeline);
    }
  }

  async function send(): Promise<void> {
    const copies = Array.from({ length: imagesPerStudy }, copier);
    const underWay: Promise<void>[] = [];
    while (arrived < last) {
      const images = copies.map((copy, image) => copy(serial, image));
      serial += 1;
      await pipeline.store(images.map(({ bytes }) => bytes));
      underWay.push(followUp(images[0]?.StudyInstanceUID ?? ''));
      if (underWay.length === MAX_UNDER_WAY) {
        await underWay.shift();
      }
    }
    await Promise.all(underWay);
  }

  await Promise.all(Array.from({ length: SENDERS }, send));
  const perStudy = (key: keyof Clocks): number => (end[key] - begin[key]) / studies;
  return {
    studiesPerSecond: 1000 / perStudy('wallMs'),
    pipelineCpuMs: perStudy('pipelineCpuMs'),
    clientCpuMs: perStudy('clientCpuMs'),
  };
}

interface Clocks {
  readonly wallMs: number;
  readonly pipelineCpuMs: number;
  readonly clientCpuMs: number;
}

function readClocks({ pid }: BenchPipeline): Clocks {
  const { user, system } = process.cpuUsage();
  return {
    wallMs: performance.now(),
    pipelineCpuMs: processTreeCpuSeconds(pid) * 1000,
    clientCpuMs: (user + system) / 1000,
  };
}

export interface LatencyResult {
  /** From the first byte of the request to the message. */
  readonly p50Ms: number;
  readonly p95Ms: number;
  /** Of the pipeline's own metrics. */
  readonly stages: StageMeans;
}

/** One study at a time, on a pipeline that is idle otherwise. */
export function measureIdleLatency(
  pipeline: BenchPipeline,
  copier: StudyCopier,
  firstSerial: number,
  studies: number,
): Promise<LatencyResult> {
  return withStages(pipeline, async () => {
    const copy = copier();
    const latencies: number[] = [];
    for (let index = 0; index < studies; index += 1) {
      const { StudyInstanceUID, bytes } = copy(firstSerial + index);
      await sleep(IDLE_MS);
      latencies.push(await sendOne(pipeline, StudyInstanceUID, bytes));
    }
    return latencies;
  });
}

/**
 * Studies at an even pace, whether or not the ones before are through: a sender does not slow down because the
 * pipeline does.
 */
export function measureLoadedLatency(
  pipeline: BenchPipeline,
  copier: StudyCopier,
  firstSerial: number,
  { studies, studiesPerSecond }: { readonly studies: number; readonly studiesPerSecond: number },
): Promise<LatencyResult> {
  return withStages(pipeline, async () => {
    const startMs = performance.now();
    const free: ReturnType<StudyCopier>[] = [];
    const underWay: Promise<number>[] = [];
    for (let index = 0; index < studies; index += 1) {
      await sleep(startMs + (index * 1000) / studiesPerSecond - performance.now());
      const copy = free.pop() ?? copier();
      const { StudyInstanceUID, bytes } = copy(firstSerial + index);
      const arrival = sendOne(pipeline, StudyInstanceUID, bytes).finally(() => {
        free.push(copy);
      });
      // Told below, when all are sent: untended, it would end this process and leave the pipeline running.
      arrival.catch(() => undefined);
      underWay.push(arrival);
    }
    return Promise.all(underWay);
  });
}

async function sendOne(
  pipeline: BenchPipeline,
  StudyInstanceUID: string,
  bytes: Buffer,
): Promise<number> {
  const sentAtMs = Date.now();
  await pipeline.store([bytes]);
  return (await pipeline.arrival(StudyInstanceUID)) - sentAtMs;
}

async function withStages(
  pipeline: BenchPipeline,
  measure: () => Promise<readonly number[]>,
): Promise<LatencyResult> {
  const before = readStageTotals(await pipeline.metrics());
  const latencies = await measure();
  const stages = stageMeans(before, readStageTotals(await pipeline.metrics()));
  return { p50Ms: quantile(latencies, 0.5), p95Ms: quantile(latencies, 0.95), stages };
}
