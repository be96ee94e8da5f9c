import type { JobQueue, JobWorker } from '../../core/jobs/job-queue.js';
import type { Logger } from '../../core/log.js';
import { deliverResult, type DeliverResultDeps } from '../../core/use-cases/deliver-result.js';

export interface DeliveryWorkerDeps extends DeliverResultDeps {
  readonly queue: JobQueue;
  readonly logger: Logger;
}

/** Deliveries wait for receivers, not for the processor. */
const CONCURRENCY = 16;

/** Pulls `deliver` jobs: one attempt each. */
export async function startDeliveryWorker(deps: DeliveryWorkerDeps): Promise<JobWorker> {
  return deps.queue.work(
    'deliver',
    async ({ deliveryId }) => {
      const attempt = await deliverResult(deps, deliveryId);
      if (attempt.kind === 'nothing-to-do') {
        return;
      }
      const facts = { deliveryId, attempts: attempt.attempts };
      if (attempt.kind === 'delivered') {
        deps.logger.info(facts, 'result delivered');
      } else {
        const { code, message } = attempt.error;
        const sentence =
          attempt.kind === 'retry'
            ? 'delivery failed, will be tried again'
            : 'delivery failed for good';
        deps.logger.warn({ ...facts, code, reason: message }, sentence);
      }
    },
    { concurrency: CONCURRENCY },
  );
}
