import type { Processor, Queue, Worker } from 'bullmq';

import type { RefusalEvents } from './pause-after-refusal.js';

/** What differs between BullMQ's backends. */
export interface QueueBackend {
  /** From so many on jobs are added together, which is then cheaper than one by one. */
  readonly minBulk: number;
  /** Brings BullMQ's tables up to date where it has some. Safe when several processes do it at once. */
  prepare(): Promise<void>;
  createQueue(name: string, onError: OnError): BullQueue;
  createWorker(
    name: string,
    processor: Processor,
    settings: WorkerSettings,
    events: WorkerEvents,
  ): BullWorker;
  /** Whether the mark is there that the last `setMark` has left. */
  hasMark(name: string): Promise<boolean>;
  setMark(name: string): Promise<void>;
  /** Ends the connections, also those that wait for a server which is away. Comes last. */
  disconnect(): void;
}

/** The parts of BullMQ's classes that are the same on every backend. */
export type BullQueue = Pick<
  Queue,
  | 'add'
  | 'addBulk'
  | 'close'
  | 'getCountsPerPriority'
  | 'getJobCounts'
  | 'getJobs'
  | 'waitUntilReady'
>;
export type BullWorker = Pick<Worker, 'close' | 'waitUntilReady' | 'concurrency'>;

/** Trouble with the connection. It must be heard, or it ends the process. */
export type OnError = (error: Error) => void;

export interface WorkerEvents extends RefusalEvents {
  readonly onError: OnError;
}

export interface WorkerSettings {
  readonly concurrency: number;
  readonly lockDurationMs: number;
  readonly stalledIntervalMs: number;
  readonly maxStalledCount: number;
  readonly retryDelayMs: (attemptsMade: number) => number;
}

/** Events are only for people who look into the queue: we read none. */
export const STREAMS = { events: { maxLen: 100 } };

/** A worker's pause after an error of its server, before it asks again. */
const RUN_RETRY_DELAY_MS = 1_000;

export function workerOptions(settings: WorkerSettings) {
  return {
    concurrency: settings.concurrency,
    lockDuration: settings.lockDurationMs,
    stalledInterval: settings.stalledIntervalMs,
    maxStalledCount: settings.maxStalledCount,
    runRetryDelay: RUN_RETRY_DELAY_MS,
    settings: { backoffStrategy: settings.retryDelayMs },
  };
}
