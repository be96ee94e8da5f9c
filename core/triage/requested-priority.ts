import { PRIORITIES } from './priority.js';
import type { Priority } from './priority.js';

/**
 * Requested Procedure Priority (0040,1003) as a priority of ours. Defined terms: STAT, HIGH, ROUTINE,
 * MEDIUM, LOW (PS3.4 K.6). LOW is `routine`: nothing here waits longer than routine work.
 */
const BY_DEFINED_TERM: Readonly<Record<string, Priority>> = {
  STAT: 'stat',
  HIGH: 'urgent',
  ROUTINE: 'routine',
  MEDIUM: 'routine',
  LOW: 'routine',
};

/** The priority that an object's header asks for; undefined when it asks for none that we know. */
export function priorityFromHeader(
  RequestedProcedurePriority: string | undefined,
): Priority | undefined {
  const term = RequestedProcedurePriority?.trim().toUpperCase() ?? '';
  return Object.hasOwn(BY_DEFINED_TERM, term) ? BY_DEFINED_TERM[term] : undefined;
}

/** The word of a request (`stat`, `urgent`, `routine`, in any case); undefined for any other word. */
export function parsePriority(word: string): Priority | undefined {
  const lower = word.trim().toLowerCase();
  return PRIORITIES.find((priority) => priority === lower);
}
