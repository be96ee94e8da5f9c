import type { StudyResult } from '../results/study-result.js';

/** A delivery that has failed for good, as others are told of it. */
export interface FailedDelivery {
  readonly deliveryId: string;
  readonly destination: string;
  readonly attempts: number;
  readonly error: string;
}

export interface SinkDelivery {
  readonly deliveryId: string;
  readonly studyId: string;
  readonly result: StudyResult;
  /** Present: the message is not the result but that its delivery to another destination has failed. */
  readonly failed?: FailedDelivery;
  readonly traceId?: string | undefined;
}

/** What the receiver said when it took the message: statuses and counts, never patient data or UIDs. */
export type DeliveryReceipt = Readonly<Record<string, string | number | boolean>>;

/**
 * One destination. Resolves when the receiver has the result; throws a PipelineError otherwise, with
 * `retryAfterMs` in its context when the receiver asked for a pause.
 */
export interface ResultSink {
  readonly name: string;
  send(delivery: SinkDelivery): Promise<DeliveryReceipt>;
  close(): Promise<void>;
}
