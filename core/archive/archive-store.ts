import type { ImageClassification } from '../inference/image-classifier.js';
import type { ScoringFacts } from './scoring-facts.js';

/** What a worker offers to those who have an archive to score. */
export interface WorkerOffer {
  readonly workerId: string;
  readonly facts: ScoringFacts;
  /** Images that it takes in hand at once. */
  readonly concurrency: number;
}

/** A file of a run, for who collects. */
export interface SubmittedFile {
  /** Its place in the run, from 0. */
  readonly position: number;
  /** Relative to the folder of archives, with slashes. It may carry a patient's name: never logged. */
  readonly path: string;
}

/** A file of a run, for who does it. */
export interface ClaimedFile {
  /** Of our own, ascending in the order of submission. */
  readonly fileId: string;
  readonly path: string;
  /** How often it was claimed, this time included. */
  readonly claims: number;
}

export interface FinishedFile {
  readonly position: number;
  readonly classification: ImageClassification;
}

/**
 * Archives on their way through a fleet. Times are the database's, so that the clocks of the machines do not
 * matter. Nothing here outlives its run: what a dead collector has left is removed, and what a dead worker
 * had in hand is claimed by another.
 *
 * Every method throws `database-unavailable` when the database does not answer.
 */
export interface ArchiveStore {
  /** For workers: here, and alive. */
  offer(offer: WorkerOffer): Promise<void>;
  withdraw(workerId: string): Promise<void>;
  /** Of the workers that were heard of within the last so many milliseconds. */
  offers(withinMs: number): Promise<readonly WorkerOffer[]>;

  /** For the collector: the run is alive. False when it was unknown, which it is not from now on. */
  keepRun(runId: string, fingerprint: string): Promise<boolean>;
  /** Files that the run has already are left as they are. */
  submit(runId: string, files: readonly SubmittedFile[]): Promise<void>;
  /** Finished files, once each. */
  takeFinished(runId: string): Promise<readonly FinishedFile[]>;
  endRun(runId: string): Promise<void>;
  /** Removes the runs whose collector was not heard of for so long. */
  removeDeadRuns(silentForMs: number): Promise<void>;

  /**
   * The oldest files of living runs that nobody has in hand, for so long. `runAliveMs`: so long ago at most
   * their collector was heard of.
   */
  claim(request: ClaimRequest): Promise<readonly ClaimedFile[]>;
  /** These files stay this worker's own for so long from now. */
  renewLeases(workerId: string, fileIds: readonly string[], leaseMs: number): Promise<void>;
  /** What is no longer this worker's, or was finished by another, is left alone. */
  finish(
    workerId: string,
    files: readonly { readonly fileId: string; readonly classification: ImageClassification }[],
  ): Promise<void>;
  /** Gives back what this worker has in hand. */
  release(workerId: string): Promise<void>;
}

export interface ClaimRequest {
  readonly workerId: string;
  readonly fingerprint: string;
  readonly limit: number;
  readonly leaseMs: number;
  readonly runAliveMs: number;
}
