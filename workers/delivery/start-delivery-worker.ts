import type { JobQueue, JobWorker } from '../../core/jobs/job-queue.js';
import type { Logger } from '../../core/log.js';
import type { PipelineMetrics } from '../../core/metrics.js';
import {
  deliverResult,
  type DeliverResultDeps,
  type DeliverResultResult,
} from '../../core/use-cases/deliver-result.js';

export interface DeliveryWorkerDeps extends DeliverResultDeps {
  readonly queue: JobQueue;
  readonly logger: Logger;
  readonly metrics: PipelineMetrics;
}

/**
 * Pulls `deliver` jobs: one attempt each.
 *
 * @param options.concurrency at least the places of all lanes together, so that a full lane never keeps
 *   the others' deliveries from being looked at
 */
export async function startDeliveryWorker(
  deps: DeliveryWorkerDeps,
  options: { readonly concurrency: number },
): Promise<JobWorker> {
  const inHand = new Set<string>();
  return deps.queue.work(
    'deliver',
    async ({ deliveryId }) => {
      // The janitor may ask for what only waits for its lane.
      if (inHand.has(deliveryId)) {
        return;
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
    options,
  );
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
