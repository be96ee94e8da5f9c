import { isAbsolute, join, normalize } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import type { ArchiveStore, ClaimedFile } from '../../core/archive/archive-store.js';
import { classifyFile, processingFailed } from '../../core/archive/classify-file.js';
import { fingerprintOf, type ScoringFacts } from '../../core/archive/scoring-facts.js';
import {
  LEASE_MS,
  OFFER_INTERVAL_MS,
  RUN_ALIVE_MS,
  MAX_CLAIMS,
} from '../../core/archive/timing.js';
import { toPipelineError } from '../../core/errors.js';
import type {
  ImageClassification,
  ImageClassifier,
} from '../../core/inference/image-classifier.js';
import type { JobWorker } from '../../core/jobs/job-queue.js';
import type { Logger } from '../../core/log.js';

export interface ArchiveWorkerDeps {
  readonly archives: ArchiveStore;
  readonly classifier: ImageClassifier;
  readonly facts: ScoringFacts;
  readonly logger: Logger;
}

export interface ArchiveWorkerOptions {
  readonly workerId: string;
  /** Where this machine sees the folder of archives. */
  readonly folder: string;
}

/** Images at hand for each one that is worked on, so that nobody waits for the database. */
const AHEAD = 4;
/** Between two looks for work while there is none: from the first to the last in a few steps. */
const FIRST_PAUSE_MS = 50;
const LAST_PAUSE_MS = 1_000;

/**
 * Scores the files of archives in the background: they wait in the classifier until no study's image does.
 * Files are claimed and answered in bunches. Whatever goes wrong with the database, the files stay claimed
 * until their lease ends, and are then somebody's again.
 */
export async function startArchiveWorker(
  deps: ArchiveWorkerDeps,
  { workerId, folder }: ArchiveWorkerOptions,
): Promise<Pick<JobWorker, 'close'>> {
  const { archives, classifier, facts, logger } = deps;
  const fingerprint = fingerprintOf(facts);
  const closing = new AbortController();
  const offer = { workerId, facts, concurrency: classifier.concurrency };
  /** By the file's id. */
  const inHand = new Map<string, Promise<void>>();
  let finished: { readonly fileId: string; readonly classification: ImageClassification }[] = [];
  let wake: () => void = () => undefined;

  async function score(file: ClaimedFile): Promise<void> {
    try {
      const classification = await classificationOf(file);
      finished.push({ fileId: file.fileId, classification });
    } catch (error) {
      // Given back when we close; else the engine has come to its end, and another worker gets it with the lease's.
      if (!closing.signal.aborted) {
        logger.warn({ code: toPipelineError(error).code }, 'a file of an archive was not scored');
      }
    }
  }

  async function classificationOf({ path, claims }: ClaimedFile): Promise<ImageClassification> {
    if (claims > MAX_CLAIMS) {
      // It was in hand each time that a worker ended: it may have been the reason.
      return processingFailed('inference-crashed');
    }
    if (isAbsolute(path) || normalize(path).startsWith('..')) {
      const detail = 'The file lies outside of the folder of archives.';
      return { kind: 'not-analysed', reason: 'file-unreadable', detail, gates: [] };
    }
    const { signal } = closing;
    return classifyFile(classifier, join(folder, path), { background: true, signal });
  }

  function begin(file: ClaimedFile): void {
    const scoring = score(file).finally(() => {
      inHand.delete(file.fileId);
      // In bunches: a statement for each file would cost more than a small image.
      if (finished.length >= classifier.concurrency || inHand.size === 0) {
        wake();
      }
    });
    inHand.set(file.fileId, scoring);
  }

  async function report(): Promise<void> {
    const files = finished;
    finished = [];
    if (files.length > 0) {
      await archives.finish(workerId, files).catch((error: unknown) => {
        finished = [...files, ...finished];
        throw error;
      });
    }
  }

  /** Whether anything was there to do. */
  async function round(): Promise<boolean> {
    const reported = finished.length;
    await report();
    const limit = classifier.concurrency * AHEAD - inHand.size;
    if (closing.signal.aborted || limit < classifier.concurrency) {
      return reported > 0;
    }
    const claimed = await archives.claim({
      workerId,
      fingerprint,
      limit,
      leaseMs: LEASE_MS,
      runAliveMs: RUN_ALIVE_MS,
    });
    claimed.forEach(begin);
    return claimed.length > 0 || reported > 0;
  }

  async function work(): Promise<void> {
    let pauseMs = FIRST_PAUSE_MS;
    while (!closing.signal.aborted) {
      const busy = await round().catch((error: unknown) => {
        logger.debug({ code: toPipelineError(error).code }, 'archives wait for the database');
        return false;
      });
      pauseMs = busy || inHand.size > 0 ? FIRST_PAUSE_MS : Math.min(2 * pauseMs, LAST_PAUSE_MS);
      const timer = new AbortController();
      const woken = new Promise<void>((resolve) => {
        wake = resolve;
      });
      const slept = sleep(pauseMs, undefined, {
        signal: AbortSignal.any([timer.signal, closing.signal]),
      }).catch(() => undefined);
      await Promise.race([slept, ...(inHand.size > 0 ? [woken] : [])]);
      timer.abort();
    }
  }

  async function show(): Promise<void> {
    await archives.offer(offer);
    if (inHand.size > 0) {
      await archives.renewLeases(workerId, [...inHand.keys()], LEASE_MS);
    }
  }

  await archives.offer(offer);
  const shown = setInterval(() => {
    show().catch((error: unknown) => {
      logger.debug({ code: toPipelineError(error).code }, 'the offer waits for the database');
    });
  }, OFFER_INTERVAL_MS);
  const working = work();

  async function stop(): Promise<void> {
    clearInterval(shown);
    closing.abort();
    await working;
    await archives.withdraw(workerId).catch(() => undefined);
    await Promise.allSettled(inHand.values());
    await report().catch(() => undefined);
    await archives.release(workerId).catch(() => undefined);
  }
  let stopped: Promise<void> | undefined;
  return { close: () => (stopped ??= stop()) };
}
