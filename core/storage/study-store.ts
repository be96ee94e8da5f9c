import type { InstanceIdentity } from '../dicom/instance-header.js';
import type { DicomUid } from '../dicom/uid.js';
import type { JobName, NewJob } from '../jobs/jobs.js';
import type { DeliveryReceipt } from '../delivery/result-sink.js';
import type { InstanceOutcome } from '../results/outcome.js';
import type { StudyResult } from '../results/study-result.js';
import type { Priority } from '../triage/priority.js';

/** What an instance goes through; core/states/machines.ts says what each state means. */
export const INSTANCE_STATES = ['received', 'queued', 'scored', 'not-analysed'] as const;
export type InstanceState = (typeof INSTANCE_STATES)[number];

/** Whether an instance's bytes are there. */
export const OBJECT_STATES = ['stored', 'purged'] as const;
export type ObjectState = (typeof OBJECT_STATES)[number];

/**
 * - `waiting`: destinations of a lower order come first. `pending`: it is tried, now or at its time.
 * - `delivered`: the receiver has it. `dead`: given up; a person may replay it.
 * - `superseded`: a newer version of the result goes to the destination in its place.
 */
export const DELIVERY_STATES = ['waiting', 'pending', 'delivered', 'dead', 'superseded'] as const;
export type DeliveryState = (typeof DELIVERY_STATES)[number];

/** `analysing` until a result covers everything that was received, then `ready`. */
export const STUDY_STATES = ['analysing', 'ready'] as const;
export type StudyState = (typeof STUDY_STATES)[number];

export interface NewInstance {
  readonly identity: InstanceIdentity;
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly objectKey: string;
  readonly requestedPriority: Priority;
  readonly receivedAtMs: number;
  /** What ties the log lines of an image together, from its reception to its delivery. */
  readonly traceId?: string | undefined;
}

export type RecordInstanceResult =
  | { readonly kind: 'stored'; readonly instanceId: string; readonly studyId: string }
  /** The same bytes are known already; nothing was written. */
  | { readonly kind: 'duplicate'; readonly instanceId: string; readonly studyId: string }
  /** Other bytes, or another study, are known under this SOP Instance UID; nothing was written. */
  | { readonly kind: 'conflict'; readonly instanceId: string };

export interface StoredInstance {
  readonly instanceId: string;
  readonly studyId: string;
  readonly identity: InstanceIdentity;
  readonly sha256: string;
  readonly objectKey: string;
  readonly receivedAtMs: number;
  /** Its reception, or the latest request to do it again. */
  readonly askedForAtMs: number;
  readonly queuedAtMs: number | undefined;
  readonly inferStartAtMs: number | undefined;
  readonly inferEndAtMs: number | undefined;
  readonly outcome: InstanceOutcome | undefined;
  /** When the retention rules removed its bytes. */
  readonly purgedAtMs: number | undefined;
  readonly traceId: string | undefined;
}

/** A request to do a study again, which its next result carries. */
export interface Reprocessing {
  readonly reason: string;
  readonly requestedBy: string;
  /** ISO 8601. */
  readonly requestedAt: string;
}

/** Epoch ms, for the work of each kind of job. */
export type QuietSince = Readonly<Record<JobName, number>>;

export interface InferenceTimes {
  /** When the job was put into the queue. */
  readonly queuedAtMs: number;
  readonly inferStartAtMs: number;
  readonly inferEndAtMs: number;
}

export interface StoredStudy {
  readonly studyId: string;
  readonly StudyInstanceUID: DicomUid;
  readonly requestedPriority: Priority;
  /** Counts every arrival and every outcome. */
  readonly activity: number;
  /** The activity that the latest result covers; 0 before the first. */
  readonly assembledActivity: number;
  readonly firstReceivedAtMs: number;
  readonly lastActivityAtMs: number;
  /** A sender is still in the middle of this study: no result before this time. */
  readonly heldUntilMs: number;
  /** Undefined unless somebody has asked for it to be done again. */
  readonly reprocessing: Reprocessing | undefined;
  /** Of the image that came last. */
  readonly traceId: string | undefined;
}

/** Everything that assembling a result needs, read in one snapshot. */
export interface StudySnapshot {
  readonly study: StoredStudy;
  readonly instances: readonly StoredInstance[];
  readonly latestResult: StudyResult | undefined;
}

export interface StudySummary {
  readonly StudyInstanceUID: DicomUid;
  readonly state: StudyState;
  readonly requestedPriority: Priority;
  /** The latest result's priority; the requested one before there is a result. */
  readonly priority: Priority;
  readonly flagged: boolean | undefined;
  readonly resultVersion: number | undefined;
  readonly instanceCount: number;
  readonly firstReceivedAtMs: number;
  readonly lastActivityAtMs: number;
}

export interface StudyQuery {
  readonly limit: number;
  /** `nextCursor` of the page before. */
  readonly cursor?: string;
  readonly state?: StudyState;
  readonly flagged?: boolean;
}

export interface StoredDelivery {
  readonly deliveryId: string;
  readonly studyId: string;
  readonly resultVersion: number;
  readonly destination: string;
  readonly state: DeliveryState;
  readonly attempts: number;
  readonly lastError: string | undefined;
  readonly createdAtMs: number;
  readonly nextAttemptAtMs: number | undefined;
  readonly deliveredAtMs: number | undefined;
  readonly receipt: DeliveryReceipt | undefined;
  /** The delivery whose failure this one tells of; undefined when it brings the result itself. */
  readonly failedDeliveryId: string | undefined;
  readonly traceId: string | undefined;
}

/** What an attempt needs to know of a delivery. */
export interface DeliveryInHand extends StoredDelivery {
  /** Its destination has said earlier that it is gone, and nobody has opened it since. */
  readonly destinationClosed: boolean;
  /** What it brings. Throws when what is stored cannot be understood. */
  readonly result: () => StudyResult;
}

/** A destination that a result goes to. */
export interface DeliveryRoute {
  readonly destination: string;
  /** Routes of a higher order wait until those of a lower one have ended, one way or the other. */
  readonly order: number;
  /** It gets the result only when it got an earlier version. */
  readonly onlyIfToldBefore: boolean;
}

export type DeliveryAttempt =
  | { readonly kind: 'delivered'; readonly atMs: number; readonly receipt: DeliveryReceipt }
  | { readonly kind: 'retry'; readonly error: string; readonly nextAttemptAtMs: number }
  /** No attempt was made, and none is due before then. */
  | { readonly kind: 'pause'; readonly nextAttemptAtMs: number }
  /** `tell` are the destinations that get a message about it. */
  | {
      readonly kind: 'dead';
      readonly error: string;
      readonly tell: readonly string[];
      /** The destination has said that it is gone. */
      readonly closes?: boolean;
    };

/** Until when a job's outbox entry is kept from others. */
export interface JobLease {
  readonly jobId: string;
  readonly leasedUntilMs: number;
}

/**
 * The database's port. Each method that makes work for a queue writes the job into the outbox in the same
 * transaction; `claimJobs` and `completeJobs` are for the relay that moves them on.
 * Every method throws `database-unavailable` when the database does not answer.
 */
export interface StudyStore {
  /** One transaction: instance, study, outbox entry `infer`. */
  recordInstance(instance: NewInstance): Promise<RecordInstanceResult>;
  /** A sender is in the middle of a study: no result before the given time. 0 releases it. */
  holdStudy(studyId: string, untilMs: number): Promise<void>;

  loadInstance(instanceId: string): Promise<StoredInstance | undefined>;
  /**
   * The first outcome of an instance wins; a later one changes nothing and returns false. One transaction:
   * outcome, study activity, outbox entry `assemble` not before the study's last image is `quietMs` old.
   */
  recordOutcome(
    instanceId: string,
    outcome: InstanceOutcome,
    times: InferenceTimes,
    quietMs: number,
  ): Promise<boolean>;

  loadStudy(studyId: string): Promise<StudySnapshot | undefined>;
  /** Puts a job `assemble` for the study's present activity into the outbox, unless a result covers it. */
  requestAssembly(studyId: string, notBeforeMs: number): Promise<void>;
  /**
   * One transaction: the result, one delivery for each route (with outbox entry `deliver` when it need not
   * wait for one of a lower order), and the activity it covers. Deliveries of earlier versions that are still on
   * their way to the same destinations are superseded. Returns false, writing nothing, when that version
   * exists already.
   */
  recordResult(
    studyId: string,
    result: StudyResult,
    coversActivity: number,
    routes: readonly DeliveryRoute[],
  ): Promise<boolean>;
  /** Says that the latest result covers this activity too: what arrived changed nothing in it. */
  coverActivity(studyId: string, activity: number): Promise<void>;
  loadResult(studyId: string, resultVersion: number): Promise<StudyResult | undefined>;

  loadDelivery(deliveryId: string): Promise<DeliveryInHand | undefined>;
  /**
   * Ignored once the delivery is no longer pending, except that a superseded one that arrived after all is
   * delivered. `retry` and `pause` write the next `deliver` into the outbox; an end releases deliveries that waited for it.
   */
  recordDeliveryAttempt(deliveryId: string, attempt: DeliveryAttempt): Promise<void>;

  findStudy(
    StudyInstanceUID: string,
  ): Promise<(StudySnapshot & { readonly deliveries: readonly StoredDelivery[] }) | undefined>;
  /** The study whose FHIR DiagnosticReport has this id; it may have no result yet. */
  findByDiagnosticReport(id: string): Promise<DicomUid | undefined>;
  /** The result, of any version, whose structured report has this SOP Instance UID. */
  findByStructuredReport(
    SOPInstanceUID: DicomUid,
  ): Promise<{ readonly StudyInstanceUID: DicomUid; readonly resultVersion: number } | undefined>;
  listStudies(query: StudyQuery): Promise<{
    readonly studies: readonly StudySummary[];
    readonly nextCursor: string | undefined;
  }>;

  /**
   * Outbox entries, the most urgent first and of these the oldest, claimed until `leaseUntilMs`: nobody
   * else gets them before that.
   */
  claimJobs(limit: number, leaseUntilMs: number): Promise<readonly NewJob[]>;
  /**
   * Keeps claimed entries from others until that time, while their jobs are being done. Returns the jobs of those
   * whose lease is still the given one: nobody else has claimed them since.
   */
  renewJobs(leases: readonly JobLease[], leaseUntilMs: number): Promise<readonly string[]>;
  /** The jobs are in the queue, or done: their entries go, and instances get their `queuedAtMs` (the first time counts). */
  completeJobs(jobIds: readonly string[], queuedAtMs: number): Promise<void>;
  /**
   * Puts a fresh job for everything unfinished that has been quiet since `quietSince` (epoch ms) into the outbox:
   * instances without outcome, studies whose result lags, deliveries that are due. Returns how many.
   * Duplicated work is harmless, lost work is not.
   */
  requeueUnfinished(quietSince: number | QuietSince): Promise<number>;

  /** Which of these objects no instance refers to. */
  unknownObjectKeys(objectKeys: readonly string[]): Promise<readonly string[]>;
  ping(): Promise<void>;
}
