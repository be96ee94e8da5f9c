import type { JobQueue, JobWorker } from '../../core/jobs/job-queue.js';
import type { Logger } from '../../core/log.js';
import type { PipelineMetrics } from '../../core/metrics.js';
import {
  deliverResult,
  type DeliverResultDeps,
  type DeliverResultResult,
  type DeliveryTargets,
} from '../../core/use-cases/deliver-result.js';

export interface DeliveryWorkerDeps extends DeliverResultDeps {
  readonly targets: DeliveryTargets;
  readonly queue: JobQueue;
  readonly logger: Logger;
  readonly metrics: PipelineMetrics;
}

/** While it cannot know its destinations. */
const FIRST_PLACES = 4;
const AT_ONCE_MS = 1;

/**
 * Pulls `deliver` jobs: one attempt each. Takes as many as all lanes have places together, so that a full
 * lane never keeps the others' deliveries from being looked at.
 */
export async function startDeliveryWorker(deps: DeliveryWorkerDeps): Promise<JobWorker> {
  const inHand = new Set<string>();
  let concurrency = await deps.targets.places().catch(() => FIRST_PLACES);

  /** Whether there is room for more jobs from now on. */
  async function grow(): Promise<boolean> {
    const places = await deps.targets.places();
    const grown = places > concurrency;
    if (places !== concurrency) {
      concurrency = places;
      (await working).resize(places);
    }
    return grown;
  }

  const working: Promise<JobWorker> = deps.queue.work(
    'deliver',
    async ({ deliveryId }) => {
      if (await grow()) {
        // The worker looks for more when a job ends. Receivers that hang must not keep it from that.
        return { repeatAfterMs: AT_ONCE_MS };
      }
      // The janitor may ask for what only waits for its lane.
      if (inHand.has(deliveryId)) {
        return undefined;
      }
      inHand.add(deliveryId);
      try {
        const startedAtMs = deps.clock();
        const attempt = await deliverResult(deps, deliveryId);
        report(deps, deliveryId, attempt, deps.clock() - startedAtMs);
        return attempt.kind === 'crowded' ? { repeatAfterMs: attempt.delayMs } : undefined;
      } finally {
        inHand.delete(deliveryId);
      }
    },
    { concurrency, takesHandedOver: true },
  );
  return working;
}

function report(
  { logger, metrics }: DeliveryWorkerDeps,
  deliveryId: string,
  attempt: DeliverResultResult,
  durationMs: number,
): void {
  if (!('attempts' in attempt)) {
    return;
  }
  const { attempts, destination, traceId } = attempt;
  const facts = { deliveryId, traceId, destination, attempts };
  metrics.stage('delivery', durationMs, { traceId });
  if (attempt.kind === 'delivered') {
    metrics.deliveryAttempt(destination, 'delivered');
    metrics.notified(destination, attempt.sinceReceivedMs);
    logger.info(facts, 'result delivered');
    return;
  }
  const { code, message } = attempt.error;
  metrics.deliveryAttempt(destination, code);
  const sentence =
    attempt.kind === 'retry' ? 'delivery failed, will be tried again' : 'delivery failed for good';
  logger.warn({ ...facts, code, reason: message }, sentence);
}
