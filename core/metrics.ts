import type { ErrorCode } from './errors.js';
import type { NotAnalysedReason } from './results/outcome.js';
import type { TraceParent } from './trace.js';

export const STAGES = ['ingest', 'queue', 'inference', 'assembly', 'delivery'] as const;
export type Stage = (typeof STAGES)[number];

/** What makes a span of a stage: one without a trace is a figure alone. */
export interface StageTrace extends Partial<TraceParent> {
  /** Now, when it is absent. Epoch ms. */
  readonly endedAtMs?: number;
}

/** The port for figures about the work. No label of any of them may come from an image or a study. */
export interface PipelineMetrics {
  /** An object was taken in, was there already, or was refused with an error code. */
  received(result: 'stored' | 'duplicate' | ErrorCode): void;
  finished(outcome: 'scored' | NotAnalysedReason): void;
  /**
   * A stage that ends now, or at another time. `ingest`: from the first byte to the commit. `queue`: from reception to a worker.
   * `assembly`: from the last outcome to the result.
   */
  stage(stage: Stage, durationMs: number, trace?: StageTrace): void;
  deliveryAttempt(destination: string, outcome: 'delivered' | ErrorCode): void;
  /** From the last image's reception, or from the request to do it again, to the destination's yes. */
  notified(destination: string, durationMs: number): void;
  /** An archive has reported on our request for storage commitment. */
  commitmentReport(destination: string, outcome: 'committed' | 'failed'): void;
  parked(job: string): void;
}
