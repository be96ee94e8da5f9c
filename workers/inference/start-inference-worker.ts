import type { JobQueue, JobWorker } from '../../core/jobs/job-queue.js';
import type { Logger } from '../../core/log.js';
import { runInference, type RunInferenceDeps } from '../../core/use-cases/run-inference.js';

export interface InferenceWorkerDeps extends RunInferenceDeps {
  readonly queue: JobQueue;
  readonly logger: Logger;
}

/** Pulls `infer` jobs, as many at once as keep the classifier's processes busy. */
export async function startInferenceWorker(deps: InferenceWorkerDeps): Promise<JobWorker> {
  const { queue, logger, classifier, clock } = deps;
  return queue.work(
    'infer',
    async ({ instanceId }, context) => {
      const startedAtMs = clock();
      const done = await runInference(deps, instanceId, context);
      if (done.kind === 'nothing-to-do') {
        return;
      }
      const { outcome } = done;
      logger.info(
        {
          instanceId,
          outcome: outcome.kind === 'scored' ? outcome.kind : outcome.reason,
          attempt: context.attempt,
          durationMs: clock() - startedAtMs,
        },
        'instance finished',
      );
    },
    { concurrency: classifier.concurrency },
  );
}
