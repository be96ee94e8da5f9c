import type { JobName } from '../jobs/jobs.js';
import type { DeliveryState, InstanceState, StoredDelivery, StudyState } from './study-store.js';

/** Who asks for something and why, as it is written down. */
export interface OperatorRequest {
  /** Name of a key or of a user of the machine. */
  readonly actor: string;
  readonly reason: string;
}

export type ReprocessResult =
  | { readonly kind: 'requested'; readonly studyId: string; readonly instances: number }
  | { readonly kind: 'not-found' }
  /** The bytes of some of its images were removed by the retention rules. */
  | { readonly kind: 'purged' }
  /** It is still being analysed: there is nothing to do again yet. */
  | { readonly kind: 'analysing' };

/**
 * `delivery`: given up, see its destination. `instance`: its outcome is `processing-failed`.
 * `job`: a job whose handler fails for a reason that does not pass.
 */
export const DEAD_LETTER_KINDS = ['delivery', 'instance', 'job'] as const;
export type DeadLetterKind = (typeof DEAD_LETTER_KINDS)[number];

/** Something that waits for a person. */
export interface DeadLetter {
  /** Of the delivery, the instance or the parked job. */
  readonly id: string;
  readonly kind: DeadLetterKind;
  readonly StudyInstanceUID: string | undefined;
  readonly error: string;
  readonly attempts: number | undefined;
  readonly sinceMs: number;
  readonly destination: string | undefined;
  readonly resultVersion: number | undefined;
  readonly jobName: JobName | undefined;
}

export interface DeadLetterQuery {
  readonly limit: number;
  readonly kind?: DeadLetterKind | undefined;
  readonly destination?: string | undefined;
}

export interface DeliveryQuery {
  readonly limit: number;
  /** `nextCursor` of the page before. */
  readonly cursor?: string | undefined;
  readonly state?: DeliveryState | undefined;
  readonly destination?: string | undefined;
  readonly StudyInstanceUID?: string | undefined;
}

export interface ListedDelivery extends StoredDelivery {
  readonly StudyInstanceUID: string;
}

/**
 * - `on-its-way`: it is tried now, or comes after others, and there is nothing to replay.
 * - `outdated`: a newer version of the result goes to the same destination.
 */
export type DeliveryReplay = 'replayed' | 'not-found' | 'on-its-way' | 'outdated';

/** A destination that has said that it is gone; what goes to it is given up at once. */
export interface ClosedDestination {
  readonly destination: string;
  readonly closedAtMs: number;
}

/** How many, and since when the oldest of them. */
export interface Backlog {
  readonly count: number;
  readonly oldestAtMs: number | undefined;
}

/** What is in the database, counted. Only states that somebody waits in; the finished are too many. */
export interface Census {
  readonly instances: Readonly<Record<Extract<InstanceState, 'received' | 'queued'>, Backlog>>;
  readonly studies: Readonly<Record<Extract<StudyState, 'analysing'>, Backlog>>;
  readonly deliveries: Readonly<Record<Extract<DeliveryState, 'pending' | 'dead'>, Backlog>>;
  /** Storage commitment that archives were asked for and have not reported on, of the latest results. */
  readonly unreportedCommitments: Backlog;
  readonly outbox: Backlog;
  /** Images whose processing failed repeatedly. */
  readonly failedInstances: Backlog;
  readonly parkedJobs: Backlog;
}

export interface PurgeQuery {
  /** Only studies of which nothing was stored since. */
  readonly storedBeforeMs: number;
  /** Studies at most, the oldest first. */
  readonly limit: number;
}

export interface PurgedStudies {
  readonly studies: number;
  /** What may now be removed from the object store. */
  readonly objectKeys: readonly string[];
}

export interface ParkedJob {
  readonly name: JobName;
  /** Id of the instance, study or delivery that it is about. */
  readonly subjectId: string;
  readonly error: string;
  readonly attempts: number;
}

/** The database's port for whoever operates the pipeline. Everything that changes something is audited. */
export interface OperationsStore {
  /**
   * One transaction: the outcomes of a ready study are taken back, its images are queued again, and the
   * next result carries the request.
   */
  reprocess(StudyInstanceUID: string, request: OperatorRequest): Promise<ReprocessResult>;

  /** Parks a job; the janitor leaves its work alone until it is replayed. */
  parkJob(job: ParkedJob): Promise<void>;
  /** Newest first. */
  listDeadLetters(query: DeadLetterQuery): Promise<readonly DeadLetter[]>;
  findDeadLetter(id: string): Promise<DeadLetter | undefined>;
  /** False when there is none (any more). */
  replayDeadLetter(id: string, request: OperatorRequest): Promise<boolean>;

  /** Newest first. */
  listDeliveries(query: DeliveryQuery): Promise<{
    readonly deliveries: readonly ListedDelivery[];
    readonly nextCursor: string | undefined;
  }>;
  findDelivery(deliveryId: string): Promise<ListedDelivery | undefined>;
  /**
   * Starts a delivery that has ended again, or waits for its next attempt, under its id and with all its attempts;
   * opens its destination.
   */
  replayDelivery(deliveryId: string, request: OperatorRequest): Promise<DeliveryReplay>;

  closedDestinations(): Promise<readonly ClosedDestination[]>;
  /** False when it was not closed. */
  openDestination(destination: string, request: OperatorRequest): Promise<boolean>;
  /**
   * Opens the closed ones whose address is not that of the last call; the others stay closed.
   *
   * @param fingerprints of the addresses, by destination
   */
  openMovedDestinations(fingerprints: ReadonlyMap<string, string>): Promise<void>;

  census(): Promise<Census>;

  /** Marks the objects of finished studies as purged; whoever calls removes them. */
  purge(query: PurgeQuery, reason: string): Promise<PurgedStudies>;
  /** Which of these objects should have been removed. */
  purgedObjectKeys(objectKeys: readonly string[]): Promise<readonly string[]>;
}
