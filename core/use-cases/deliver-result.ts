import { deliveryDelayMs } from '../delivery/schedule.js';
import type { ResultSink } from '../delivery/result-sink.js';
import { PipelineError, toPipelineError } from '../errors.js';
import type { StudyStore } from '../storage/study-store.js';
import type { Clock } from '../time.js';

export interface DeliverResultDeps {
  readonly store: Pick<StudyStore, 'loadDelivery' | 'loadResult' | 'recordDeliveryAttempt'>;
  readonly sinks: ReadonlyMap<string, ResultSink>;
  readonly clock: Clock;
  readonly random: () => number;
}

export type DeliverResultResult =
  | { readonly kind: 'delivered'; readonly attempts: number }
  | { readonly kind: 'retry' | 'dead'; readonly attempts: number; readonly error: PipelineError }
  | { readonly kind: 'nothing-to-do' };

/** A queue may wake a delayed job a little early; this is not taken for a job that is not due. */
const CLOCK_SLACK_MS = 1_000;

/**
 * One attempt at one delivery. What became of it is written down before this returns; a retry is a new job
 * at its time. An ambiguous failure (no answer in time) is retried too: the receiver has the message id as
 * idempotency key.
 */
export async function deliverResult(
  deps: DeliverResultDeps,
  deliveryId: string,
): Promise<DeliverResultResult> {
  const delivery = await deps.store.loadDelivery(deliveryId);
  const dueInMs = (delivery?.nextAttemptAtMs ?? 0) - deps.clock();
  if (delivery?.state !== 'pending' || dueInMs > CLOCK_SLACK_MS) {
    return { kind: 'nothing-to-do' };
  }
  const result = await deps.store.loadResult(delivery.studyId, delivery.resultVersion);
  if (!result) {
    return { kind: 'nothing-to-do' };
  }
  const attempts = delivery.attempts + 1;
  const sink = deps.sinks.get(delivery.destination);
  try {
    if (!sink) {
      throw new PipelineError('delivery-rejected', 'the destination is no longer configured');
    }
    await sink.send({ deliveryId, result });
  } catch (thrown) {
    const error = toPipelineError(thrown);
    const delayMs =
      error.failure === 'permanent'
        ? undefined
        : deliveryDelayMs(attempts, deps.random(), Number(error.context['retryAfterMs'] ?? 0));
    if (delayMs === undefined) {
      await deps.store.recordDeliveryAttempt(deliveryId, { kind: 'dead', error: describe(error) });
      return { kind: 'dead', attempts, error };
    }
    await deps.store.recordDeliveryAttempt(deliveryId, {
      kind: 'retry',
      error: describe(error),
      nextAttemptAtMs: deps.clock() + delayMs,
    });
    return { kind: 'retry', attempts, error };
  }
  await deps.store.recordDeliveryAttempt(deliveryId, { kind: 'delivered', atMs: deps.clock() });
  return { kind: 'delivered', attempts };
}

function describe(error: PipelineError): string {
  return `${error.code}: ${error.message}`;
}
