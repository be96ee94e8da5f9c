import type { StudyResult } from '../results/study-result.js';

export interface SinkDelivery {
  readonly deliveryId: string;
  readonly result: StudyResult;
}

/**
 * One destination. Resolves when the receiver has the result; throws a PipelineError otherwise, with
 * `retryAfterMs` in its context when the receiver asked for a pause.
 */
export interface ResultSink {
  readonly name: string;
  send(delivery: SinkDelivery): Promise<void>;
  close(): Promise<void>;
}
