import { PRIORITIES, priorityRank } from '../../core/triage/priority.js';
import type { BullQueue } from './queue-backend.js';

const RANKS = PRIORITIES.map(priorityRank);
/** So many places may the jobs of a rank have moved between counting and looking. */
const SLACK = 50;

/**
 * Jobs without a priority are served before all that have one, in the order in which they came there. Those
 * that were added before the given time get there, a few at a time: the urgent keep most of the workers.
 */
export async function promoteOverdue(queue: BullQueue, addedBeforeMs: number): Promise<number> {
  const { wait = 0, active = 0 } = await queue.getJobCounts('wait', 'active');
  if (wait > 0) {
    return 0;
  }
  const limit = Math.max(1, active);
  const counts = await queue.getCountsPerPriority([...RANKS]);
  const overdue = [];
  let before = 0;
  for (const rank of RANKS) {
    const ofRank = counts[String(rank)] ?? 0;
    // The most urgent are served in their order anyway.
    if (rank > 1 && ofRank > 0) {
      const start = Math.max(0, before - SLACK);
      const found = await queue.getJobs(['prioritized'], start, before + limit + SLACK, true);
      const ofThisRank = found.filter(({ priority }) => priority === rank).slice(0, limit);
      overdue.push(...ofThisRank.filter(({ timestamp }) => timestamp < addedBeforeMs));
    }
    before += ofRank;
  }
  overdue.sort((a, b) => a.timestamp - b.timestamp);
  const chosen = overdue.slice(0, limit);
  for (const job of chosen) {
    await job.changePriority({ priority: 0 });
  }
  return chosen.length;
}
