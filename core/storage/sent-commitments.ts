/** What an archive has said to a request for storage commitment of ours. */
export interface SentCommitmentReport {
  readonly committedCount: number;
  readonly failedCount: number;
  /** Failure Reason (0008,1197) of the first object that failed; undefined when none did, or it was left out. */
  readonly failureReason: number | undefined;
}

/**
 * Requests for storage commitment that we have sent, at most one for a delivery: the latest. The report may
 * come to another process and after a restart.
 * Every method throws `database-unavailable` when the database does not answer.
 */
export interface SentCommitments {
  /** Before the request is sent. Takes the place of an earlier one of the same delivery. */
  open(deliveryId: string, TransactionUID: string): Promise<void>;
  /**
   * Keeps a report, also one that comes twice. When the delivery counts as delivered without it, that is put right: its receipt
   * says `committed`, or it is pending again and its next attempt takes the failure. Undefined for a
   * transaction that is not ours, or whose report was taken.
   */
  report(
    TransactionUID: string,
    report: SentCommitmentReport,
  ): Promise<{ readonly deliveryId: string; readonly destination: string } | undefined>;
  /** The report of a delivery's latest request, once; undefined when none has come. */
  take(deliveryId: string): Promise<SentCommitmentReport | undefined>;
}
