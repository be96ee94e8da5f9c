import { setTimeout as sleep } from 'node:timers/promises';

import type { BenchPipeline } from './bench-pipeline.js';
import { processTreeCpuSeconds } from './cpu-usage.js';
import { readStageTotals, stageMeans, type StageMeans } from './stage-times.js';
import { quantile } from './statistics.js';
import type { StudyCopier } from './study-copies.js';

/** Requests on their way at once, as from a PACS with a few associations. */
const SENDERS = 4;
/** So long it is quiet between two studies of which the latency is measured. */
const IDLE_MS = 100;
/** A process that has been running: before so many studies much of its code is not compiled yet. */
const WARM_UP_STUDIES = 100;
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
}

/** Studies a second, from the first byte in to the last message out. */
export async function measureThroughput(
  pipeline: BenchPipeline,
  copier: StudyCopier,
  { firstSerial, studies, imagesPerStudy }: Sending,
): Promise<ThroughputResult> {
  const warmUp = { firstSerial, studies: WARM_UP_STUDIES, imagesPerStudy };
  await sendAll(pipeline, copier, warmUp);
  const cpu = (): number => processTreeCpuSeconds(pipeline.pid);
  const cpuBefore = cpu();
  const clientBefore = process.cpuUsage();
  const startMs = performance.now();
  const measured = { firstSerial: firstSerial + WARM_UP_STUDIES, studies, imagesPerStudy };
  await sendAll(pipeline, copier, measured);
  const elapsedMs = performance.now() - startMs;
  const { user, system } = process.cpuUsage(clientBefore);
  return {
    studiesPerSecond: (studies * 1000) / elapsedMs,
    pipelineCpuMs: ((cpu() - cpuBefore) * 1000) / studies,
    clientCpuMs: (user + system) / 1000 / studies,
  };
}

async function sendAll(
  pipeline: BenchPipeline,
  copier: StudyCopier,
  { firstSerial, studies, imagesPerStudy }: Sending,
): Promise<void> {
  let next = firstSerial;
  const arrivals: Promise<number>[] = [];
  async function send(): Promise<void> {
    const copies = Array.from({ length: imagesPerStudy }, copier);
    while (next < firstSerial + studies) {
      const serial = next;
      next += 1;
      const images = copies.map((copy, image) => copy(serial, image));
      await pipeline.store(images.map(({ bytes }) => bytes));
      arrivals.push(pipeline.arrival(images[0]?.StudyInstanceUID ?? ''));
    }
  }
  await Promise.all(Array.from({ length: SENDERS }, send));
  await Promise.all(arrivals);
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
      underWay.push(
        sendOne(pipeline, StudyInstanceUID, bytes).finally(() => {
          free.push(copy);
        }),
      );
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
