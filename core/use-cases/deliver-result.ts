import type { Lane } from '../delivery/lane.js';
import type { DeliveryReceipt, FailedDelivery, ResultSink } from '../delivery/result-sink.js';
import { deliveryDelayMs } from '../delivery/schedule.js';
import { PipelineError, toPipelineError } from '../errors.js';
import type { StoredDelivery, StudyStore } from '../storage/study-store.js';
import type { Clock } from '../time.js';

/** Everything about one destination that an attempt needs. */
export interface DeliveryTarget {
  readonly sink: ResultSink;
  readonly lane: Lane;
  readonly retryDelaysMs?: readonly number[] | undefined;
  /** Destinations that are told when a delivery to this one has failed for good. */
  readonly failureListeners: readonly string[];
}

export interface DeliverResultDeps {
  readonly store: Pick<StudyStore, 'loadDelivery' | 'loadResult' | 'recordDeliveryAttempt'>;
  readonly targets: ReadonlyMap<string, DeliveryTarget>;
  readonly clock: Clock;
  readonly random: () => number;
}

export type DeliverResultResult =
  | { readonly kind: 'delivered'; readonly attempts: number }
  | { readonly kind: 'retry' | 'dead'; readonly attempts: number; readonly error: PipelineError }
  /** The destination's lane is full: the same job again after a moment; nothing was attempted. */
  | { readonly kind: 'crowded'; readonly delayMs: number }
  /** The destination is left alone: a new job at a later time; nothing was attempted. */
  | { readonly kind: 'paused' }
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
  const target = deps.targets.get(delivery.destination);
  const admission = target?.lane.enter(deps.clock(), deps.random()) ?? { kind: 'go' };
  if (admission.kind === 'crowded') {
    return admission;
  }
  if (admission.kind === 'paused') {
    const pause = { kind: 'pause', nextAttemptAtMs: admission.untilMs } as const;
    await deps.store.recordDeliveryAttempt(deliveryId, pause);
    return { kind: 'paused' };
  }
  const attempts = delivery.attempts + 1;
  let receipt: DeliveryReceipt;
  try {
    if (admission.kind === 'gone') {
      throw new PipelineError('delivery-gone');
    }
    if (!target) {
      throw new PipelineError('delivery-rejected', 'the destination is no longer configured');
    }
    receipt = await sendInLane(deps, target, delivery);
  } catch (thrown) {
    return recordFailure(deps, target, delivery, toPipelineError(thrown));
  }
  await deps.store.recordDeliveryAttempt(deliveryId, {
    kind: 'delivered',
    atMs: deps.clock(),
    receipt,
  });
  return { kind: 'delivered', attempts };
}

async function sendInLane(
  deps: DeliverResultDeps,
  { lane, sink }: DeliveryTarget,
  delivery: StoredDelivery,
): Promise<DeliveryReceipt> {
  try {
    const result = await deps.store.loadResult(delivery.studyId, delivery.resultVersion);
    if (!result) {
      throw new PipelineError('delivery-rejected', 'the result is no longer stored');
    }
    const failed = await failureOf(deps, delivery);
    const receipt = await sink.send({
      deliveryId: delivery.deliveryId,
      studyId: delivery.studyId,
      result,
      ...(failed && { failed }),
    });
    lane.leave(deps.clock());
    return receipt;
  } catch (thrown) {
    lane.leave(deps.clock(), toPipelineError(thrown));
    throw thrown;
  }
}

async function failureOf(
  deps: DeliverResultDeps,
  { failedDeliveryId }: StoredDelivery,
): Promise<FailedDelivery | undefined> {
  const failed =
    failedDeliveryId === undefined ? undefined : await deps.store.loadDelivery(failedDeliveryId);
  return (
    failed && {
      deliveryId: failed.deliveryId,
      destination: failed.destination,
      attempts: failed.attempts,
      error: failed.lastError ?? '',
    }
  );
}

async function recordFailure(
  deps: DeliverResultDeps,
  target: DeliveryTarget | undefined,
  delivery: StoredDelivery,
  error: PipelineError,
): Promise<DeliverResultResult> {
  const attempts = delivery.attempts + 1;
  const text = `${error.code}: ${error.message}`;
  const delayMs =
    error.failure === 'permanent'
      ? undefined
      : deliveryDelayMs(
          attempts,
          deps.random(),
          target?.retryDelaysMs,
          Number(error.context['retryAfterMs'] ?? 0),
        );
  await deps.store.recordDeliveryAttempt(
    delivery.deliveryId,
    delayMs === undefined
      ? {
          kind: 'dead',
          error: text,
          // A message about a failure that fails itself is not worth a message.
          tell: delivery.failedDeliveryId === undefined ? (target?.failureListeners ?? []) : [],
        }
      : { kind: 'retry', error: text, nextAttemptAtMs: deps.clock() + delayMs },
  );
  return { kind: delayMs === undefined ? 'dead' : 'retry', attempts, error };
}
