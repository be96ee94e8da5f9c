/**
 * The priorities of a study, most urgent first.
 *
 * `stat` and `urgent` and `routine` are the order's words (HL7 TQ1-9 S/A/R); a pre-read may raise a
 * study's priority and never lowers it.
 */
export const PRIORITIES = ['stat', 'urgent', 'routine'] as const;
export type Priority = (typeof PRIORITIES)[number];

/** The more urgent of two priorities. */
export function raisePriority(a: Priority, b: Priority): Priority {
  return PRIORITIES.indexOf(a) <= PRIORITIES.indexOf(b) ? a : b;
}

/** 1 (most urgent) to 3, the order in which a queue serves them. */
export function priorityRank(priority: Priority): number {
  return PRIORITIES.indexOf(priority) + 1;
}
