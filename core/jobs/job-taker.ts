import type { NewJob } from './jobs.js';

/**
 * Who brings jobs to a queue that shares no transaction with the database. A commit hands it what it has put into the
 * outbox, so that nobody has to look there for it.
 */
export interface JobTaker {
  /** So long the entries of jobs that are handed over are kept from others: then somebody else takes them. */
  readonly leaseMs: number;
  take(jobs: readonly NewJob[], leasedUntilMs: number): void;
  /** There are jobs in the outbox that were handed to nobody: too many at once. */
  wake(): void;
}
