import type { JobQueue, JobWorker } from '../../core/jobs/job-queue.js';
import type { Logger } from '../../core/log.js';
import type { PipelineMetrics } from '../../core/metrics.js';
import { runInference, type RunInferenceDeps } from '../../core/use-cases/run-inference.js';

export interface InferenceWorkerDeps extends RunInferenceDeps {
  readonly queue: JobQueue;
  readonly logger: Logger;
  readonly metrics: PipelineMetrics;
}

/** Pulls `infer` jobs, as many at once as keep the classifier's processes busy. */
export async function startInferenceWorker(deps: InferenceWorkerDeps): Promise<JobWorker> {
  const { queue, logger, metrics, classifier, clock } = deps;
  return queue.work(
    'infer',
    async ({ instanceId }, context) => {
      const startedAtMs = clock();
      const done = await runInference(deps, instanceId, context);
      if (done.kind === 'nothing-to-do') {
        return;
      }
      const { outcome, traceId, waitedMs } = done;
      const what = outcome.kind === 'scored' ? outcome.kind : outcome.reason;
      const durationMs = clock() - startedAtMs;
      metrics.finished(what);
      metrics.stage('queue', waitedMs, { traceId, endedAtMs: startedAtMs });
      metrics.stage('inference', durationMs, { traceId });
      logger.info(
        {
          instanceId,
          traceId,
          outcome: what,
          attempt: context.attempt,
          durationMs,
        },
        'instance finished',
      );
    },
    { concurrency: classifier.concurrency },
  );
}
