import type { DicomUid } from '../../core/dicom/uid.js';
import type { Logger } from '../../core/log.js';
import type { StudyStore } from '../../core/storage/study-store.js';
import type { Clock } from '../../core/time.js';

/** A lease, so that a process that dies releases its studies by itself. */
const LEASE_MS = 6_000;
const RENEWAL_MS = 2_000;
/** After its last object a study is known for so long: a sender's next request comes soon or never. */
const RECENT_MS = 2_000;
/** Within this the header of a radiograph ends. */
const MAX_HEAD_BYTES = 64 * 1024;

/** What this process does for studies of which several requests or associations bring images. */
export interface StudyHolds {
  open(logger: Logger): StudyHold;
}

/**
 * The studies of one request or association that have no result made while it still brings images, so that
 * a slow upload ends in one result and not in a chain of amended ones. Only a courtesy: a hold that cannot be
 * written is logged, and the upload goes on.
 */
export interface StudyHold {
  /** An object of the study was stored. It is not held yet: a request with one object needs no hold. */
  stored(studyId: string, StudyInstanceUID: DicomUid): void;
  /** More comes: holds what was stored so far, until `release`. */
  moreComes(): void;
  /**
   * Passes an object on, and holds its study when another object of it was stored a moment ago: senders of
   * one object a request take as long for the next as their line does.
   */
  arriving(bytes: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>;
  release(): Promise<void>;
}

export interface StudyHoldDeps {
  readonly studies: Pick<StudyStore, 'holdStudy' | 'requestAssembly'>;
  /** From the first bytes of an object; undefined when they do not tell (yet). */
  readonly readStudyInstanceUID: (head: Uint8Array) => DicomUid | undefined;
  readonly clock: Clock;
}

export function createStudyHolds(deps: StudyHoldDeps): StudyHolds {
  const shared = { recent: createRecentStudies(deps.clock), holders: new Map<string, number>() };
  return { open: (logger) => createStudyHold(deps, shared, logger) };
}

interface Shared {
  readonly recent: RecentStudies;
  /** How many requests and associations hold each study: the last one releases it. */
  readonly holders: Map<string, number>;
}

interface RecentStudies {
  isEmpty(): boolean;
  add(StudyInstanceUID: DicomUid, studyId: string): void;
  find(StudyInstanceUID: DicomUid): string | undefined;
}

function createRecentStudies(clock: Clock): RecentStudies {
  /** In the order of their last object. */
  const studies = new Map<DicomUid, { readonly studyId: string; readonly untilMs: number }>();
  function forgetOld(): void {
    const nowMs = clock();
    for (const [uid, { untilMs }] of studies) {
      if (untilMs > nowMs) {
        return;
      }
      studies.delete(uid);
    }
  }
  return {
    isEmpty() {
      forgetOld();
      return studies.size === 0;
    },
    add(StudyInstanceUID, studyId) {
      forgetOld();
      studies.delete(StudyInstanceUID);
      studies.set(StudyInstanceUID, { studyId, untilMs: clock() + RECENT_MS });
    },
    find(StudyInstanceUID) {
      forgetOld();
      return studies.get(StudyInstanceUID)?.studyId;
    },
  };
}

function createStudyHold(
  deps: StudyHoldDeps,
  { recent, holders }: Shared,
  logger: Logger,
): StudyHold {
  const storedIds = new Set<string>();
  const heldIds = new Set<string>();
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
        logger.warn({ err: error }, 'study not held');
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
      logger.warn({ err: error }, 'study released late');
    }
  }

  function holdStudy(studyId: string): void {
    if (heldIds.has(studyId)) {
      return;
    }
    heldIds.add(studyId);
    holders.set(studyId, (holders.get(studyId) ?? 0) + 1);
    void write([studyId], deps.clock() + LEASE_MS);
    timer ??= setInterval(() => {
      void write([...heldIds], deps.clock() + LEASE_MS);
    }, RENEWAL_MS);
  }

  /** Whether nobody else holds it. */
  function letGo(studyId: string): boolean {
    const others = (holders.get(studyId) ?? 1) - 1;
    if (others > 0) {
      holders.set(studyId, others);
      return false;
    }
    return holders.delete(studyId);
  }

  return {
    stored(studyId, StudyInstanceUID) {
      storedIds.add(studyId);
      recent.add(StudyInstanceUID, studyId);
    },
    moreComes() {
      storedIds.forEach(holdStudy);
    },
    async *arriving(bytes) {
      let head: Uint8Array | undefined = recent.isEmpty() ? undefined : new Uint8Array();
      for await (const chunk of bytes) {
        if (head !== undefined) {
          head = Buffer.concat([head, chunk.subarray(0, MAX_HEAD_BYTES - head.length)]);
          const uid = deps.readStudyInstanceUID(head);
          const studyId = uid && recent.find(uid);
          if (studyId !== undefined) {
            holdStudy(studyId);
          }
          if (uid !== undefined || head.length >= MAX_HEAD_BYTES) {
            head = undefined;
          }
        }
        yield chunk;
      }
    },
    release() {
      clearInterval(timer);
      const free = [...heldIds].filter(letGo);
      heldIds.clear();
      return releaseAll(free);
    },
  };
}
