import type { Generated, GeneratedAlways, JSONColumnType } from 'kysely';

import type { JobName } from '../../core/jobs/jobs.js';
import type { ReferencedObject } from '../../core/dimse/storage-commitment.js';
import type { SentCommitmentReport } from '../../core/storage/sent-commitments.js';
import type { DeliveryState } from '../../core/storage/study-store.js';

/**
 * The tables as Kysely sees them; migrations/ makes them. Columns that hold a DICOM attribute have its
 * keyword for a name. Priorities are stored by rank (1 is the most urgent) so that they sort.
 */
export interface DatabaseSchema {
  studies: StudiesTable;
  instances: InstancesTable;
  results: ResultsTable;
  deliveries: DeliveriesTable;
  outbox: OutboxTable;
  api_keys: ApiKeysTable;
  commitment_requests: CommitmentRequestsTable;
  sent_commitments: SentCommitmentsTable;
  parked_jobs: ParkedJobsTable;
  audit_log: AuditLogTable;
  closed_destinations: ClosedDestinationsTable;
  destination_addresses: DestinationAddressesTable;
  destinations: DestinationsTable;
}

interface StudiesTable {
  study_id: Generated<string>;
  StudyInstanceUID: string;
  requested_priority_rank: number;
  activity: number;
  instance_count: number;
  first_received_at: Date;
  last_activity_at: Date;
  held_until: Date | null;
  /** When a job `assemble` was last put into the outbox. */
  assembly_requested_at: Date | null;
  assembled_activity: Generated<number>;
  /** Of the latest result. */
  result_version: number | null;
  priority_rank: number | null;
  flagged: boolean | null;
  /** A request to do the study again that no result carries yet. */
  reprocessing: JSONColumnType<object> | null;
  /** Of the instance that came last. */
  last_trace_id: string | null;
  /** The id of the study's FHIR DiagnosticReport. */
  diagnostic_report_id: GeneratedAlways<string>;
}

interface InstancesTable {
  instance_id: Generated<string>;
  study_id: string;
  SOPInstanceUID: string;
  SOPClassUID: string;
  SeriesInstanceUID: string;
  TransferSyntaxUID: string;
  sha256: string;
  /** int8 comes as text. */
  size_bytes: number | string;
  object_key: string;
  received_at: Date;
  /** When a job `infer` was last put into the outbox. */
  inference_requested_at: Date;
  queued_at: Date | null;
  infer_start_at: Date | null;
  infer_end_at: Date | null;
  outcome: JSONColumnType<object> | null;
  reprocess_requested_at: Date | null;
  /** When the same bytes came again after they had been purged. */
  stored_again_at: Date | null;
  purged_at: Date | null;
  trace_id: string | null;
}

interface ResultsTable {
  study_id: string;
  result_version: number;
  covers_activity: number;
  recorded_at: Date;
  result: JSONColumnType<object>;
  /** What is particular in the SOP Instance UID of the result's structured report. */
  report_key: GeneratedAlways<string>;
}

interface DeliveriesTable {
  delivery_id: Generated<string>;
  study_id: string;
  result_version: number;
  destination: string;
  state: Generated<DeliveryState>;
  attempts: Generated<number>;
  last_error: string | null;
  created_at: Date;
  next_attempt_at: Date | null;
  delivered_at: Date | null;
  /** When a job `deliver` was last put into the outbox. */
  delivery_requested_at: Date;
  /** Those of a higher place wait for those of a lower one. */
  place: Generated<number>;
  receipt: JSONColumnType<object> | null;
  failed_delivery_id: string | null;
  dead_at: Date | null;
  trace_id: string | null;
}

interface OutboxTable {
  /** Order of arrival. int8 comes as text. */
  entry: Generated<string>;
  job_id: Generated<string>;
  name: JobName;
  payload: JSONColumnType<object>;
  priority_rank: number;
  not_before: Date | null;
  leased_until: Date | null;
  created_at: Generated<Date>;
}

interface SentCommitmentsTable {
  delivery_id: string;
  TransactionUID: string;
  requested_at: Date;
  /** Until the delivery has taken it. */
  report: JSONColumnType<SentCommitmentReport> | null;
}

interface ParkedJobsTable {
  parked_job_id: Generated<string>;
  name: JobName;
  /** Of the instance, study or delivery that the job is about. */
  subject_id: string;
  error: string;
  attempts: number;
  parked_at: Date;
}

interface AuditLogTable {
  entry: Generated<string>;
  at: Date;
  actor: string;
  action: string;
  subject_id: string | null;
  detail: JSONColumnType<object>;
}

/** Those that have said that they are gone. */
interface ClosedDestinationsTable {
  destination: string;
  closed_at: Date;
}

/** Where they were when they were last set, or at the last start. */
interface DestinationAddressesTable {
  destination: string;
  fingerprint: string;
}

/** Those that the API has set. */
interface DestinationsTable {
  destination: string;
  definition: JSONColumnType<object>;
  revision: string;
  set_at: Date;
}

export interface ApiKeysTable {
  key_id: string;
  name: string;
  /** Separated by spaces. */
  scopes: string;
  secret_sha256: string;
  created_at: Date;
  last_used_at: Date | null;
  revoked_at: Date | null;
}

interface CommitmentRequestsTable {
  request_id: Generated<string>;
  /** AE title of who asked. */
  peer: string;
  TransactionUID: string;
  referenced: JSONColumnType<readonly ReferencedObject[]>;
  requested_at: Date;
  attempts: Generated<number>;
  next_attempt_at: Date;
}
