/** Where commits are brought to the disk. */
interface DurableLog {
  /** How often the server has asked for it. */
  readonly logSyncs: number;
  /** Does what it has asked for. */
  settle(): void;
}

/**
 * Nobody hears of a commit before it is on the disk, and one fsync serves all that committed since the last one:
 * while a disk writes, clients send, and what they have sent is run before it writes again.
 */
export interface HeldAnswers {
  /** Notes what a batch has done, before its answer is given to `send`. */
  ran(batch: { readonly strict: boolean }): void;
  /** At once, or with `release` while a commit is owed. */
  send(answer: () => void): void;
  /** Commits to the disk, then answers. */
  release(): void;
}

/** When nothing asks for more, lazy commits follow so much later, as with PostgreSQL's `wal_writer_delay`. */
const LAZY_DELAY_MS = 200;

/** @param now milliseconds of a steady clock */
export function createHeldAnswers(log: DurableLog, now: () => number): HeldAnswers {
  const held: (() => void)[] = [];
  /** A strict commit is not on the disk yet. */
  let owesStrict = false;
  let oldestAtMs = 0;
  let lastSyncs = log.logSyncs;
  let lastSyncMs = 0;
  let lazy: NodeJS.Timeout | undefined;

  function settle(): void {
    clearTimeout(lazy);
    lazy = undefined;
    const startMs = now();
    log.settle();
    lastSyncMs = now() - startMs;
  }

  function release(): void {
    if (owesStrict) {
      settle();
      owesStrict = false;
    }
    for (const answer of held.splice(0)) {
      answer();
    }
  }

  return {
    ran({ strict }) {
      const wrote = log.logSyncs > lastSyncs;
      lastSyncs = log.logSyncs;
      if (!wrote) {
        return;
      }
      if (strict) {
        oldestAtMs = owesStrict ? oldestAtMs : now();
        owesStrict = true;
      } else {
        lazy ??= setTimeout(settle, LAZY_DELAY_MS);
      }
    },
    send(answer) {
      // Whoever reads what is not on the disk might act on it.
      if (!owesStrict) {
        answer();
        return;
      }
      held.push(answer);
      // However many come, the first waits no longer than about twice as long as alone.
      if (now() - oldestAtMs > lastSyncMs) {
        release();
      }
    },
    release,
  };
}
