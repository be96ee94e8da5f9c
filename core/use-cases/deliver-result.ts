import type { Lane } from '../delivery/lane.js';
import type { DeliveryReceipt, FailedDelivery, ResultSink } from '../delivery/result-sink.js';
import { deliveryDelayMs } from '../delivery/schedule.js';
import { PipelineError, toPipelineError } from '../errors.js';
import type { StudyResult } from '../results/study-result.js';
import type { DeliveryInHand, StoredDelivery, StudyStore } from '../storage/study-store.js';
import type { Clock } from '../time.js';

/** Everything about one destination that an attempt needs. */
export interface DeliveryTarget {
  readonly sink: ResultSink;
  readonly lane: Lane;
  readonly retryDelaysMs?: readonly number[] | undefined;
  /** Destinations that are told when a delivery to this one has failed for good. */
  readonly failureListeners: readonly string[];
}

export interface DeliveryTargets {
  /** Undefined for a destination that is not there, or is switched off: looked up afresh before that is said. */
  find(destination: string): Promise<DeliveryTarget | undefined>;
  /** Places of all lanes together, and some to look at what finds its lane full. */
  places(): Promise<number>;
}

export interface DeliverResultDeps {
  readonly store: Pick<StudyStore, 'loadDelivery' | 'recordDeliveryAttempt'>;
  readonly targets: Pick<DeliveryTargets, 'find'>;
  readonly clock: Clock;
  readonly random: () => number;
}

interface Attempt {
  readonly attempts: number;
  readonly destination: string;
  readonly traceId: string | undefined;
}

export type DeliverResultResult =
  | (Attempt & { readonly kind: 'delivered'; readonly sinceReceivedMs: number })
  | (Attempt & { readonly kind: 'retry' | 'dead'; readonly error: PipelineError })
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
  const target = await deps.targets.find(delivery.destination);
  if (delivery.destinationClosed) {
    const gone = new PipelineError('delivery-gone', 'the receiver has said before that it is gone');
    return recordFailure(deps, target, delivery, gone);
  }
  const admission = target?.lane.enter(deps.clock(), deps.random()) ?? { kind: 'go' };
  if (admission.kind === 'crowded') {
    return admission;
  }
  if (admission.kind === 'paused') {
    const pause = { kind: 'pause', nextAttemptAtMs: admission.untilMs } as const;
    await deps.store.recordDeliveryAttempt(deliveryId, pause);
    return { kind: 'paused' };
  }
  const { destination, traceId } = delivery;
  const attempts = delivery.attempts + 1;
  let sent: { readonly receipt: DeliveryReceipt; readonly result: StudyResult };
  try {
    if (!target) {
      throw new PipelineError(
        'delivery-rejected',
        'the destination is no longer set, or switched off',
      );
    }
    sent = await sendInLane(deps, target, delivery);
  } catch (thrown) {
    return recordFailure(deps, target, delivery, toPipelineError(thrown));
  }
  const atMs = deps.clock();
  const { receipt, result } = sent;
  await deps.store.recordDeliveryAttempt(deliveryId, { kind: 'delivered', atMs, receipt });
  return {
    kind: 'delivered',
    attempts,
    destination,
    traceId,
    sinceReceivedMs: atMs - askedForAtMs(result),
  };
}

/** When the last image came in, or the request to do the study again. */
function askedForAtMs({ instances, revision }: StudyResult): number {
  const times = instances.map(({ timestamps }) => timestamps.received);
  return Math.max(...[...times, revision?.requestedAt ?? ''].map((time) => Date.parse(time) || 0));
}

async function sendInLane(
  deps: DeliverResultDeps,
  { lane, sink }: DeliveryTarget,
  delivery: DeliveryInHand,
): Promise<{ readonly receipt: DeliveryReceipt; readonly result: StudyResult }> {
  try {
    const result = delivery.result();
    const failed = await failureOf(deps, delivery);
    const receipt = await sink.send({
      deliveryId: delivery.deliveryId,
      studyId: delivery.studyId,
      result,
      traceId: delivery.traceId,
      ...(failed && { failed }),
    });
    lane.leave(deps.clock());
    return { receipt, result };
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
  delivery: DeliveryInHand,
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
          closes: error.code === 'delivery-gone' && !delivery.destinationClosed,
        }
      : { kind: 'retry', error: text, nextAttemptAtMs: deps.clock() + delayMs },
  );
  const { destination, traceId } = delivery;
  return { kind: delayMs === undefined ? 'dead' : 'retry', attempts, destination, traceId, error };
}
