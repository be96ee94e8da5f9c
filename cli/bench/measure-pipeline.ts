import { setTimeout as sleep } from 'node:timers/promises';

import type { Arrival, BenchPipeline } from './bench-pipeline.js';
import { quantile } from './statistics.js';
import type { StudyCopy } from './study-copies.js';

/** Requests on their way at once, as from a PACS with a few associations. */
const SENDERS = 4;
/** So long it is quiet between two studies of which the latency is measured. */
const IDLE_MS = 100;
const WARM_UP_STUDIES = 8;

/** Studies a second, from the first byte in to the last message out. */
export async function measureThroughput(
  pipeline: BenchPipeline,
  copy: (serial: number) => StudyCopy,
  studies: number,
): Promise<number> {
  await sendAll(pipeline, copy, 1, WARM_UP_STUDIES);
  const startMs = performance.now();
  await sendAll(pipeline, copy, 1 + WARM_UP_STUDIES, studies);
  return (studies * 1000) / (performance.now() - startMs);
}

async function sendAll(
  pipeline: BenchPipeline,
  copy: (serial: number) => StudyCopy,
  first: number,
  count: number,
): Promise<void> {
  let next = first;
  const arrivals: Promise<Arrival>[] = [];
  async function send(): Promise<void> {
    while (next < first + count) {
      const { StudyInstanceUID, bytes } = copy(next);
      next += 1;
      await pipeline.store(bytes);
      arrivals.push(pipeline.arrival(StudyInstanceUID));
    }
  }
  await Promise.all(Array.from({ length: SENDERS }, send));
  await Promise.all(arrivals);
}

export interface LatencyResult {
  /** From the first byte of the request to the message. */
  readonly p50Ms: number;
  readonly p95Ms: number;
  /** Medians of the parts, in order. Units: ms. */
  readonly stages: {
    /** Request sent to answer: received, checked, flushed to the disk, in the database. */
    readonly storeMs: number;
    /** Answer to result: queue, inference, quiet time, assembly. */
    readonly resultMs: number;
    /** Result to message: queue, signing, request. */
    readonly deliverMs: number;
  };
}

/** One study at a time, on a pipeline that is idle otherwise. */
export async function measureLatency(
  pipeline: BenchPipeline,
  copy: (serial: number) => StudyCopy,
  firstSerial: number,
  studies: number,
): Promise<LatencyResult> {
  const total: number[] = [];
  const store: number[] = [];
  const result: number[] = [];
  const deliver: number[] = [];
  for (let index = 0; index < studies; index += 1) {
    const { StudyInstanceUID, bytes } = copy(firstSerial + index);
    await sleep(IDLE_MS);
    const sentAtMs = Date.now();
    const storedAtMs = await pipeline.store(bytes);
    const { assembledAtMs, receivedAtMs } = await pipeline.arrival(StudyInstanceUID);
    total.push(receivedAtMs - sentAtMs);
    store.push(storedAtMs - sentAtMs);
    result.push(assembledAtMs - storedAtMs);
    deliver.push(receivedAtMs - assembledAtMs);
  }
  return {
    p50Ms: quantile(total, 0.5),
    p95Ms: quantile(total, 0.95),
    stages: {
      storeMs: quantile(store, 0.5),
      resultMs: quantile(result, 0.5),
      deliverMs: quantile(deliver, 0.5),
    },
  };
}
