import { assembleStudyResult, saysTheSame } from '../results/assemble-study-result.js';
import type { StudyResult } from '../results/study-result.js';
import type { DeliveryRoute, StudyStore } from '../storage/study-store.js';
import type { Clock } from '../time.js';

export interface AssembleStudyDeps {
  readonly store: Pick<
    StudyStore,
    'loadStudy' | 'recordResult' | 'coverActivity' | 'requestAssembly'
  >;
  readonly clock: Clock;
  readonly software: { readonly name: string; readonly version: string };
  /** Where a new result goes. */
  readonly route: (result: StudyResult) => Promise<readonly DeliveryRoute[]>;
}

export type AssembleStudyResult =
  | {
      readonly kind: 'assembled';
      readonly result: StudyResult;
      readonly traceId: string | undefined;
      /** Since the last outcome or arrival. */
      readonly sinceActivityMs: number;
    }
  /** A later job will do it, or the result stands already. */
  | { readonly kind: 'superseded' | 'waiting' | 'held' | 'unchanged' };

/**
 * Makes the study's next result version, if this job is the one to do it: the debounce of a study is that
 * only the job with its latest activity number acts, and a sender that is still in the middle of the study
 * (`heldUntilMs`) puts it off.
 */
export async function assembleStudy(
  deps: AssembleStudyDeps,
  studyId: string,
  activity: number,
): Promise<AssembleStudyResult> {
  const snapshot = await deps.store.loadStudy(studyId);
  if (snapshot?.study.activity !== activity || snapshot.study.assembledActivity >= activity) {
    return { kind: 'superseded' };
  }
  if (snapshot.instances.some((instance) => !instance.outcome)) {
    return { kind: 'waiting' };
  }
  const nowMs = deps.clock();
  if (snapshot.study.heldUntilMs > nowMs) {
    await deps.store.requestAssembly(studyId, snapshot.study.heldUntilMs);
    return { kind: 'held' };
  }
  const result = assembleStudyResult(snapshot, { software: deps.software, nowMs });
  const { latestResult } = snapshot;
  const askedFor = snapshot.study.reprocessing !== undefined;
  if (latestResult && !askedFor && saysTheSame(latestResult, result)) {
    await deps.store.coverActivity(studyId, activity);
    return { kind: 'unchanged' };
  }
  const routes = await deps.route(result);
  const recorded = await deps.store.recordResult(studyId, result, activity, routes);
  if (!recorded) {
    return { kind: 'superseded' };
  }
  const sinceActivityMs = deps.clock() - snapshot.study.lastActivityAtMs;
  return { kind: 'assembled', result, traceId: snapshot.study.traceId, sinceActivityMs };
}
