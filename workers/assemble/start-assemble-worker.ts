import type { JobQueue, JobWorker } from '../../core/jobs/job-queue.js';
import type { Logger } from '../../core/log.js';
import type { PipelineMetrics } from '../../core/metrics.js';
import { assembleStudy, type AssembleStudyDeps } from '../../core/use-cases/assemble-study.js';

export interface AssembleWorkerDeps extends AssembleStudyDeps {
  readonly queue: JobQueue;
  readonly logger: Logger;
  readonly metrics: PipelineMetrics;
}

/** Assembling is a handful of short queries; more at once would only wait for the same database. */
const CONCURRENCY = 4;

/** Pulls `assemble` jobs: makes study results once their images are quiet. */
export async function startAssembleWorker(deps: AssembleWorkerDeps): Promise<JobWorker> {
  return deps.queue.work(
    'assemble',
    async ({ studyId, activity }) => {
      const done = await assembleStudy(deps, studyId, activity);
      if (done.kind !== 'assembled') {
        deps.logger.debug(
          { studyId, activity, result: done.kind },
          'study not assembled by this job',
        );
        return;
      }
      const { result, traceId } = done;
      deps.metrics.stage('assembly', done.sinceActivityMs, { traceId });
      deps.logger.info(
        {
          studyId,
          traceId,
          resultVersion: result.resultVersion,
          instances: result.instances.length,
          analysed: result.analysed,
          flagged: result.triage.flagged,
          priority: result.triage.priority,
        },
        'study result assembled',
      );
    },
    { concurrency: CONCURRENCY, takesHandedOver: true },
  );
}
