import type { Logger } from '../../core/log.js';
import type { StudyStore } from '../../core/storage/study-store.js';
import type { Clock } from '../../core/time.js';

/** A lease, so that a process that dies releases its studies by itself. */
const LEASE_MS = 6_000;
const RENEWAL_MS = 2_000;

export interface StudyHold {
  /** From now on until `release`. */
  add(studyId: string): void;
  release(): Promise<void>;
}

export interface StudyHoldDeps {
  readonly studies: Pick<StudyStore, 'holdStudy' | 'requestAssembly'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Keeps the studies of a request or association without a result while it still brings images, so that a slow
 * upload ends in one result and not in a chain of amended ones. Only a courtesy: a hold that cannot be
 * written is logged, and the upload goes on.
 */
export function createStudyHold(deps: StudyHoldDeps): StudyHold {
  const studyIds = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  let lastWrite = Promise.resolve();

  /** One after the other: a late renewal must not undo the release. */
  function write(ids: readonly string[], untilMs: number): Promise<void> {
    lastWrite = lastWrite.then(async () => {
      try {
        for (const studyId of ids) {
          await deps.studies.holdStudy(studyId, untilMs);
        }
      } catch (error) {
        deps.logger.warn({ err: error }, 'study not held');
      }
    });
    return lastWrite;
  }

  /** A result that was put off by the hold comes now and not at the end of the lease. */
  async function releaseAll(ids: readonly string[]): Promise<void> {
    await write(ids, 0);
    try {
      for (const studyId of ids) {
        await deps.studies.requestAssembly(studyId, deps.clock());
      }
    } catch (error) {
      deps.logger.warn({ err: error }, 'study released late');
    }
  }

  return {
    add(studyId) {
      if (studyIds.has(studyId)) {
        return;
      }
      studyIds.add(studyId);
      void write([studyId], deps.clock() + LEASE_MS);
      timer ??= setInterval(() => {
        void write([...studyIds], deps.clock() + LEASE_MS);
      }, RENEWAL_MS);
    },
    release() {
      clearInterval(timer);
      return releaseAll([...studyIds]);
    },
  };
}
