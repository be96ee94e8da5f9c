import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

import { JOB_NAMES } from '../../core/jobs/jobs.js';
import type { JobQueue } from '../../core/jobs/job-queue.js';
import type { PipelineMetrics } from '../../core/metrics.js';
import type { ModelProvenance } from '../../core/results/outcome.js';
import type { Backlog, Census, OperationsStore } from '../../core/storage/operations-store.js';
import type { Clock } from '../../core/time.js';
import type { SpanRecorder } from './span-recorder.js';

/** Seconds: from a fast core's inference to a receiver that was away for a day. */
const SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800, 7_200, 86_400];
/** Prometheus asks every process of a fleet; the database answers this often at most. */
const CENSUS_MAX_AGE_MS = 5_000;

export interface MetricsSources {
  readonly operations: Pick<OperationsStore, 'census'>;
  readonly queue: Pick<JobQueue, 'depth'>;
  /** Absent in processes that do not see the object store. */
  readonly objects?: { freeBytes(): Promise<number> } | undefined;
  readonly clock: Clock;
}

export interface MetricsRegistry extends PipelineMetrics {
  /** The figures that are asked for only when somebody looks. */
  watch(sources: MetricsSources): void;
  model(model: Omit<ModelProvenance, 'recipe' | 'operatingPoint'>): void;
  readonly contentType: string;
  /** The text that Prometheus reads. A source that does not answer leaves its figures out. */
  text(): Promise<string>;
}

/**
 * The figures of one process, with those of Node itself.
 *
 * @param spans gets each stage as a span of its trace
 */
export function createMetrics(softwareVersion: string, spans?: SpanRecorder): MetricsRegistry {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });

  new Gauge({
    name: 'preread_build_info',
    help: 'Always 1; the version of the software.',
    labelNames: ['version'],
    registers,
  }).set({ version: softwareVersion }, 1);
  const model = new Gauge({
    name: 'preread_model_info',
    help: 'Always 1; the model in use and what computes it.',
    labelNames: ['name', 'version', 'sha256', 'precision', 'provider'],
    registers,
  });
  const received = new Counter({
    name: 'preread_instances_received_total',
    help: 'Objects by what became of them at the door: stored, duplicate, or the code of the refusal.',
    labelNames: ['result'],
    registers,
  });
  const finished = new Counter({
    name: 'preread_instances_finished_total',
    help: 'Outcomes of images: scored, or the reason why not (gates and failures).',
    labelNames: ['outcome'],
    registers,
  });
  const stages = new Histogram({
    name: 'preread_stage_seconds',
    help: 'Time of each stage: ingest, queue, inference, assembly, delivery.',
    labelNames: ['stage'],
    buckets: SECONDS,
    registers,
  });
  const notification = new Histogram({
    name: 'preread_notification_seconds',
    help: "From a study's last image to the destination's confirmation of the result.",
    labelNames: ['destination'],
    buckets: SECONDS,
    registers,
  });
  const attempts = new Counter({
    name: 'preread_delivery_attempts_total',
    help: 'Attempts to deliver by outcome: delivered, or the code of the failure.',
    labelNames: ['destination', 'outcome'],
    registers,
  });
  const commitmentReports = new Counter({
    name: 'preread_commitment_reports_total',
    help: 'Reports on requested storage commitment: committed, or failed.',
    labelNames: ['destination', 'outcome'],
    registers,
  });
  const parked = new Counter({
    name: 'preread_jobs_parked_total',
    help: 'Jobs that fail for a reason that does not pass.',
    labelNames: ['job'],
    registers,
  });

  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    received: (result) => {
      received.inc({ result });
    },
    finished: (outcome) => {
      finished.inc({ outcome });
    },
    stage: (stage, durationMs, { traceId, ...span } = {}) => {
      stages.observe({ stage }, Math.max(0, durationMs) / 1_000);
      if (traceId !== undefined) {
        spans?.record(stage, durationMs, { traceId, ...span });
      }
    },
    deliveryAttempt: (destination, outcome) => {
      attempts.inc({ destination, outcome });
    },
    notified: (destination, durationMs) => {
      notification.observe({ destination }, Math.max(0, durationMs) / 1_000);
    },
    commitmentReport: (destination, outcome) => {
      commitmentReports.inc({ destination, outcome });
    },
    parked: (job) => {
      parked.inc({ job });
    },
    model: ({ name, version, sha256, precision, executionProvider }) => {
      model.set({ name, version, sha256, precision, provider: executionProvider }, 1);
    },
    watch: (sources) => {
      watchBacklogs(registers, sources);
      watchQueues(registers, sources);
      watchDisk(registers, sources);
    },
  };
}

function watchBacklogs(registers: Registry[], { operations, clock }: MetricsSources): void {
  let taken: { readonly atMs: number; readonly census: Promise<Census> } | undefined;
  const census = (): Promise<Census> => {
    if (taken === undefined || clock() - taken.atMs > CENSUS_MAX_AGE_MS) {
      taken = { atMs: clock(), census: operations.census() };
    }
    return taken.census;
  };
  const labelNames = ['of', 'state'] as const;
  const fill = async (gauge: Gauge<'of' | 'state'>, figure: (backlog: Backlog) => number) => {
    gauge.reset();
    for (const { of, state, backlog } of backlogs(await census().catch(() => undefined))) {
      gauge.set({ of, state }, figure(backlog));
    }
  };
  new Gauge({
    name: 'preread_backlog',
    help: 'What waits, by kind and state, as the database knows it. The same from every process.',
    labelNames,
    registers,
    async collect() {
      await fill(this, ({ count }) => count);
    },
  });
  new Gauge({
    name: 'preread_backlog_oldest_seconds',
    help: 'Age of what waits longest, by kind and state. The same from every process.',
    labelNames,
    registers,
    async collect() {
      await fill(this, ({ oldestAtMs }) =>
        oldestAtMs === undefined ? 0 : Math.max(0, clock() - oldestAtMs) / 1_000,
      );
    },
  });
}

function backlogs(census: Census | undefined) {
  if (census === undefined) {
    return [];
  }
  const { instances, studies, deliveries, unreportedCommitments, outbox } = census;
  return [
    { of: 'instance', state: 'received', backlog: instances.received },
    { of: 'instance', state: 'queued', backlog: instances.queued },
    { of: 'study', state: 'analysing', backlog: studies.analysing },
    { of: 'delivery', state: 'pending', backlog: deliveries.pending },
    { of: 'delivery', state: 'dead', backlog: deliveries.dead },
    { of: 'commitment', state: 'requested', backlog: unreportedCommitments },
    { of: 'job', state: 'outbox', backlog: outbox },
    { of: 'job', state: 'parked', backlog: census.parkedJobs },
    { of: 'outcome', state: 'processing-failed', backlog: census.failedInstances },
  ];
}

function watchQueues(registers: Registry[], { queue }: MetricsSources): void {
  new Gauge({
    name: 'preread_queue_jobs',
    help: 'Jobs in each queue by state. The same from every process.',
    labelNames: ['queue', 'state'],
    registers,
    async collect() {
      this.reset();
      for (const name of JOB_NAMES) {
        const depth = await queue.depth(name).catch(() => undefined);
        for (const [state, count] of Object.entries(depth ?? {})) {
          this.set({ queue: name, state }, Number(count));
        }
      }
    },
  });
}

function watchDisk(registers: Registry[], { objects }: MetricsSources): void {
  if (objects !== undefined) {
    new Gauge({
      name: 'preread_storage_free_bytes',
      help: 'Room that the file system of the images has left.',
      registers,
      async collect() {
        this.set((await objects.freeBytes().catch(() => undefined)) ?? NaN);
      },
    });
  }
}
