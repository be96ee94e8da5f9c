import type { ReferencedObject } from '../dimse/storage-commitment.js';

export interface CommitmentOrder {
  /** AE title of who asked, and to whom the report goes. */
  readonly peer: string;
  readonly TransactionUID: string;
  readonly referenced: readonly ReferencedObject[];
}

export interface DueCommitment extends CommitmentOrder {
  readonly requestId: string;
  /** This one included. */
  readonly attempts: number;
  readonly requestedAtMs: number;
}

/** A stored object, as far as storage commitment needs it. */
export interface HeldObject {
  readonly SOPClassUID: string;
  readonly objectKey: string;
}

/**
 * Requests for storage commitment that are acknowledged and not reported yet.
 * Every method throws `database-unavailable` when the database does not answer.
 */
export interface CommitmentStore {
  /** When this returns, the report is owed. */
  add(order: CommitmentOrder): Promise<void>;
  /**
   * Requests whose next attempt is due. Each is given to one caller, and to nobody again before its next
   * attempt, which `delayMs` sets.
   */
  claimDue(limit: number, delayMs: (attempts: number) => number): Promise<readonly DueCommitment[]>;
  /** The report has arrived, or is given up. */
  settle(requestId: string): Promise<void>;
  /** What we hold of these, by SOP Instance UID. */
  findHeld(SOPInstanceUIDs: readonly string[]): Promise<ReadonlyMap<string, HeldObject>>;
}
