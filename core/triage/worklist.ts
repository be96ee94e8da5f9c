import type { DicomUid } from '../dicom/uid.js';
import { priorityRank, raisePriority } from './priority.js';
import type { Priority } from './priority.js';

/** What the place of a study in the worklist follows from. */
export interface WaitingStudy {
  readonly StudyInstanceUID: DicomUid;
  /** The priority that the study came with. */
  readonly requestedPriority: Priority;
  /** The latest result's; before that the requested one. */
  readonly priority: Priority;
  readonly firstReceivedAtMs: number;
}

export type WorklistEntry<T extends WaitingStudy> = T & {
  /** The more urgent of the requested and the result's priority. */
  readonly priority: Priority;
  readonly waitedMs: number;
  /** It has waited longer than the limit, and therefore stands among the urgent ones. */
  readonly overdue: boolean;
};

export interface WorklistOptions {
  readonly nowMs: number;
  /** A routine study that has waited longer than this stands among the urgent ones. */
  readonly maxRoutineWaitMs: number;
}

/**
 * The order in which studies are to be read: by priority, and within a priority by age.
 *
 * - A pre-read raises a study's priority and never lowers it: what was ordered as stat is first, whatever
 *   the model says.
 * - A routine study that has waited too long is placed by its age among the urgent ones, and comes before all of
 *   them that arrived later. So flagged studies, however many arrive, cannot keep it waiting. Only
 *   stat studies are never put behind it.
 */
export function orderWorklist<T extends WaitingStudy>(
  studies: readonly T[],
  { nowMs, maxRoutineWaitMs }: WorklistOptions,
): readonly WorklistEntry<T>[] {
  return studies
    .map((study) => {
      const priority = raisePriority(study.requestedPriority, study.priority);
      const waitedMs = Math.max(0, nowMs - study.firstReceivedAtMs);
      return {
        ...study,
        priority,
        waitedMs,
        overdue: priority === 'routine' && waitedMs > maxRoutineWaitMs,
      };
    })
    .sort(
      (a, b) =>
        placeOf(a) - placeOf(b) ||
        a.firstReceivedAtMs - b.firstReceivedAtMs ||
        (a.StudyInstanceUID < b.StudyInstanceUID ? -1 : 1),
    );
}

function placeOf({ priority, overdue }: Pick<WorklistEntry<WaitingStudy>, 'priority' | 'overdue'>) {
  return priorityRank(overdue ? 'urgent' : priority);
}
