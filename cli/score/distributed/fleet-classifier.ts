import { setTimeout as sleep } from 'node:timers/promises';

import type { ArchiveStore, SubmittedFile } from '../../../core/archive/archive-store.js';
import { fingerprintOf } from '../../../core/archive/scoring-facts.js';
import { OFFER_ALIVE_MS, RUN_INTERVAL_MS } from '../../../core/archive/timing.js';
import { PipelineError, toPipelineError } from '../../../core/errors.js';
import type {
  ImageClassification,
  ImageClassifier,
} from '../../../core/inference/image-classifier.js';
import type { ChosenOffer } from './choose-offer.js';

export interface FleetClassifierDeps {
  readonly archives: ArchiveStore;
  /** A path as the workers are told it. */
  readonly relativePath: (path: string) => string;
  /** Whether this machine can read a file that a worker cannot. */
  readonly canRead: (path: string) => Promise<boolean>;
  /** For people who wonder why nothing moves. */
  readonly notify: (text: string) => void;
  readonly nowMs: () => number;
}

/** Pause between two looks for what is finished. */
const POLL_MS = 100;
/** Images under way for each that the workers take in hand, so that they find the next ones waiting. */
const AHEAD = 8;
const MIN_UNDER_WAY = 64;

interface UnderWay {
  readonly submitted: SubmittedFile;
  readonly path: string;
  resolve(classification: ImageClassification): void;
  reject(error: unknown): void;
}

/**
 * A fleet of workers as a classifier: files go into the database and come back classified. What is under way
 * is known here too, so that nothing is lost when the database forgets the run (this process was stopped for
 * long); and it is little, so that a run that is killed has little to repeat.
 */
export function createFleetClassifier(
  deps: FleetClassifierDeps,
  { runId, offer }: { readonly runId: string; readonly offer: ChosenOffer },
): ImageClassifier {
  const { archives, notify, nowMs } = deps;
  const { fingerprint, facts } = offer;
  const underWay = new Map<number, UnderWay>();
  const closing = new AbortController();
  let unsubmitted: SubmittedFile[] = [];
  let nextPosition = 0;
  let fleetConcurrency = 0;
  let keptAtMs = -Infinity;
  let trouble = '';

  function tell(text: string): void {
    if (text !== trouble && text !== '') {
      notify(text);
    }
    trouble = text;
  }

  async function keepAlive(): Promise<void> {
    if (nowMs() - keptAtMs < RUN_INTERVAL_MS) {
      return;
    }
    if (!(await archives.keepRun(runId, fingerprint))) {
      unsubmitted = [...underWay.values()].map(({ submitted }) => submitted);
    }
    const offers = (await archives.offers(OFFER_ALIVE_MS)).filter(
      (other) => fingerprintOf(other.facts) === fingerprint,
    );
    fleetConcurrency = offers.reduce((sum, { concurrency }) => sum + concurrency, 0);
    keptAtMs = nowMs();
    tell(offers.length > 0 ? '' : 'No worker offers this model any more: waiting for one.');
  }

  async function submit(): Promise<void> {
    const files = unsubmitted;
    unsubmitted = [];
    if (files.length > 0) {
      await archives.submit(runId, files).catch((error: unknown) => {
        unsubmitted = [...files, ...unsubmitted];
        throw error;
      });
    }
  }

  async function collect(): Promise<void> {
    for (const { position, classification } of await archives.takeFinished(runId)) {
      const entry = underWay.get(position);
      if (entry === undefined) {
        continue;
      }
      if (await isWorkersFault(entry.path, classification)) {
        throw new PipelineError(
          'file-unreadable',
          'A worker cannot read a file that can be read here. Is PREREAD_ARCHIVE_DIR the same folder on every worker?',
        );
      }
      underWay.delete(position);
      entry.resolve(classification);
    }
  }

  async function isWorkersFault(path: string, found: ImageClassification): Promise<boolean> {
    const unreadable = found.kind === 'not-analysed' && found.reason === 'file-unreadable';
    return unreadable && (await deps.canRead(path));
  }

  async function work(): Promise<void> {
    while (!closing.signal.aborted) {
      try {
        await keepAlive();
        await submit();
        await collect();
      } catch (error) {
        const cause = toPipelineError(error);
        if (cause.failure === 'permanent') {
          fail(cause);
          return;
        }
        tell('The database does not answer: waiting for it.');
      }
      await sleep(POLL_MS, undefined, { signal: closing.signal }).catch(() => undefined);
    }
  }

  let failure: PipelineError | undefined;
  function fail(cause: PipelineError): void {
    // With a cause of ours, so that it ends the run and is not taken for trouble with one file.
    failure = new PipelineError(cause.code, cause.message, { cause });
    for (const entry of underWay.values()) {
      entry.reject(failure);
    }
    underWay.clear();
  }

  const working = work();

  async function stop(): Promise<void> {
    closing.abort();
    await working;
    await archives.endRun(runId).catch(() => undefined);
  }
  let stopped: Promise<void> | undefined;

  return {
    get concurrency() {
      return Math.max(MIN_UNDER_WAY, fleetConcurrency * AHEAD);
    },
    engine: facts.model,
    classify({ path }) {
      if (failure !== undefined) {
        return Promise.reject(failure);
      }
      return new Promise((resolve, reject) => {
        const submitted = { position: nextPosition, path: deps.relativePath(path) };
        nextPosition += 1;
        underWay.set(submitted.position, { submitted, path, resolve, reject });
        unsubmitted.push(submitted);
      });
    },
    close: () => (stopped ??= stop()),
  };
}
